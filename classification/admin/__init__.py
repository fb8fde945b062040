"""Intents, predictions and models in the console.

May import services below, `supportops.ui`; decides nothing.
Start reading in `taxonomy.py`.
"""

from classification.admin import models, taxonomy

__all__ = ["models", "taxonomy"]
