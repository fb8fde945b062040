"""A trained classifier as a directory of arrays and JSON, pinned by a manifest of SHA-256 sums.

Nothing in it can run: arrays are read with ``allow_pickle=False``. Writing is all or nothing, and
the same model always gives the same bytes.
"""

import hashlib
import io
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from classification.contract import ModelDamaged, StorableClassifier

MANIFEST, FACTS = "manifest.json", "facts.json"
FORMAT = 1
LIBRARIES = ("numpy", "scipy", "scikit-learn", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a model was written, and the SHA-256 of its manifest, which pins all the rest."""

    directory: Path
    version: str
    sha256: str


def fingerprint(arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits of the SHA-256 of all a model knows."""
    digest = hashlib.sha256(_json(facts))
    for key in sorted(arrays):
        digest.update(key.encode())
        digest.update(_npy(arrays[key]))
    return digest.hexdigest()[:8]


def training_hash(texts: Sequence[str], intents: Sequence[str]) -> str:
    """SHA-256 of the training data in order, so that a model says what it was made from."""
    digest = hashlib.sha256()
    for text, intent in zip(texts, intents, strict=True):
        digest.update(json.dumps([text, intent]).encode())
    return digest.hexdigest()


def save(
    model: StorableClassifier,
    directory: str | Path,
    *,
    training_sha256: str = "",
    scores: Mapping[str, Any] | None = None,
) -> Saved:
    """Write a model beside ``directory`` and move it there in one step.

    A model that stands there already is replaced; after a crash the old one is still whole.
    """
    target = Path(directory)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        sums = {name: write_file(draft / name, data) for name, data in _files(model)}
        manifest = _json(_manifest(model, sums, training_sha256, scores or {}))
        sha256 = write_file(draft / MANIFEST, manifest)
        draft.chmod(0o755)
        sync_directory(draft)
        put_in_place(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Saved(target, model.version, sha256)


def read_manifest(directory: str | Path, expected_sha256: str | None = None) -> dict[str, Any]:
    """The manifest of a stored model. Raises ModelDamaged when it is absent, foreign or another."""
    path = Path(directory) / MANIFEST
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelDamaged(f"{path} cannot be read: {error.strerror}.") from error
    if expected_sha256 is not None and hashlib.sha256(content).hexdigest() != expected_sha256:
        raise ModelDamaged(f"{path} is not the one that was recorded: its SHA-256 differs.")
    try:
        manifest = json.loads(content)
    except ValueError as error:
        raise ModelDamaged(f"{path} is not JSON.") from error
    known = isinstance(manifest, dict) and manifest.get("format") == FORMAT
    if not known or not isinstance(manifest.get("files"), dict):
        raise ModelDamaged(f"{path} is not a manifest of this product.")
    return manifest


def load_into(
    model: StorableClassifier, directory: str | Path, *, expected_sha256: str | None = None
) -> StorableClassifier:
    """Fill an untrained ``model`` with what is stored; every file is checked against its sum.

    Raises ModelDamaged, naming the file, when anything is missing, changed or added, or when the
    directory holds another classifier.
    """
    folder = Path(directory)
    manifest = read_manifest(folder, expected_sha256)
    if manifest.get("classifier") != model.name:
        raise ModelDamaged(f"{folder / MANIFEST} holds another classifier than {model.name}.")
    _refuse_strangers(folder, manifest["files"])
    contents = {name: _checked(folder / name, sum_) for name, sum_ in manifest["files"].items()}
    facts = json.loads(contents.pop(FACTS, b"{}"))
    try:
        arrays = {Path(name).stem: _array(contents.pop(name)) for name in list(contents)}
        model.restore(arrays, facts)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise ModelDamaged(f"{folder / MANIFEST} lists files that do not fit: {error}.") from error
    if model.version != manifest.get("version"):
        raise ModelDamaged(f"{folder / MANIFEST} names another version than its files make.")
    return model


def _files(model: StorableClassifier) -> list[tuple[str, bytes]]:
    arrays = model.arrays()
    return [(FACTS, _json(model.facts()))] + [
        (f"{name}.npy", _npy(arrays[name])) for name in sorted(arrays)
    ]


def _manifest(
    model: StorableClassifier,
    sums: Mapping[str, str],
    training_sha256: str,
    scores: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "classifier": model.name,
        "version": model.version,
        "classes": list(model.classes_),
        "files": dict(sums),
        "training_sha256": training_sha256,
        "libraries": library_versions(),
        "machine": platform.machine(),
        "scores": dict(scores),
    }


def library_versions() -> dict[str, str]:
    """Versions of the libraries that training results depend on, where they are installed."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1).encode()


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def _array(content: bytes) -> np.ndarray:
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError("not an array")  # noqa: TRY004 - the file is at fault, not its caller
    return array


def write_file(path: Path, content: bytes) -> str:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(content).hexdigest()


def _checked(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelDamaged(f"{path} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelDamaged(f"{path} is damaged: its SHA-256 is not the one in the manifest.")
    return content


def _refuse_strangers(folder: Path, files: Mapping[str, str]) -> None:
    for name in files:
        if Path(name).name != name or name == MANIFEST:
            raise ModelDamaged(f"{folder / MANIFEST} names a file outside its directory.")
    for path in sorted(folder.iterdir()):
        if path.name != MANIFEST and path.name not in files:
            raise ModelDamaged(f"{path} does not belong to the model.")


def put_in_place(draft: Path, target: Path) -> None:
    """Move the draft to its place; an old directory cannot be written over, so it steps aside."""
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
        target.rename(old / "model")
        draft.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        draft.rename(target)
    sync_directory(target.parent)


def sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
