"""Intents, predictions and versions of models as rows.

May import tables of tickets.
Start reading in `predictions.py`.
"""

from classification.models.predictions import Prediction
from classification.models.taxonomy import Intent
from classification.models.versions import ModelVersion, Promotion

__all__ = ["Intent", "ModelVersion", "Prediction", "Promotion"]
