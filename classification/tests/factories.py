"""Rows of models for tests, with the files they speak of."""

import factory
from django.conf import settings
from django.utils import timezone

from classification import store
from classification.keywords import KeywordClassifier
from classification.models import ModelVersion


class ModelVersionFactory(factory.django.DjangoModelFactory):
    """A stored keyword classifier; `keywords` says what it knows and so which version it is."""

    class Meta:
        model = ModelVersion
        exclude = ["keywords", "trained"]

    keywords = {"order_status": ["parcel"], "praise": ["lovely"]}
    trained = factory.LazyAttribute(lambda row: KeywordClassifier(keywords=row.keywords))
    classifier = "keywords"
    version = factory.SelfAttribute("trained.version")
    manifest_sha256 = factory.LazyAttribute(
        lambda row: store.save(row.trained, settings.MODEL_DIR / row.version).sha256
    )
    training_rows = 30
    training_sha256 = "0" * 64
    trained_at = factory.LazyFunction(timezone.now)
