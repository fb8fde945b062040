"""Tables of the classifier: the taxonomy, model versions and what they predicted."""

from classification.models.predictions import Prediction
from classification.models.taxonomy import Intent
from classification.models.versions import ModelVersion, Promotion

__all__ = ["Intent", "ModelVersion", "Prediction", "Promotion"]
