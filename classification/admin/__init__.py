"""Intents, predictions and models in the console."""

from classification.admin import models, taxonomy

__all__ = ["models", "taxonomy"]
