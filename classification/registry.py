"""Which classifiers ship, by name. Their modules are loaded only when one is asked for."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from classification.contract import ClassifierUnavailable, Progress, StorableClassifier
from classification.store import load_into, read_manifest

CLASSIFIERS: Mapping[str, str] = {
    "encoder": "classification.encoder.classifier.EncoderClassifier",
    "linear": "classification.linear.classifier.LinearClassifier",
    "keywords": "classification.keywords.KeywordClassifier",
}


def make_classifier(name: str, **options: Any) -> Any:
    """An untrained classifier. Raises ClassifierUnavailable: unknown name or missing library."""
    path = CLASSIFIERS.get(name)
    if path is None:
        known = ", ".join(CLASSIFIERS)
        raise ClassifierUnavailable(f"There is no classifier named {name!r}; there are {known}.")
    module, _, attribute = path.rpartition(".")
    try:
        return getattr(import_module(module), attribute)(**options)
    except ImportError as error:
        raise ClassifierUnavailable(f"{name} needs a library that is absent: {error}.") from error


def train_classifier(
    name: str,
    texts: Sequence[str],
    intents: Sequence[str],
    *,
    groups: Sequence[object] | None = None,
    ids: Sequence[str] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Any:
    """Train the classifier of that name; ``options`` go to its constructor.

    Raises ClassifierUnavailable when it cannot run here, ValueError when the rows do not fit.
    """
    model = make_classifier(name, **options)
    return model.fit(texts, intents, groups=groups, ids=ids, progress=progress)


def load_classifier(
    directory: str | Path, expected_sha256: str | None = None, **options: Any
) -> StorableClassifier:
    """Load a stored classifier, of the kind its manifest names.

    ``expected_sha256`` is the manifest's own sum as recorded when it was saved. Raises ModelDamaged
    or ClassifierUnavailable, in one sentence.
    """
    manifest = read_manifest(directory, expected_sha256)
    model = make_classifier(str(manifest.get("classifier")), **options)
    return load_into(model, directory, expected_sha256=expected_sha256)
