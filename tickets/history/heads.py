"""Signed heads of the audit chain, kept outside the database.

The key lies in a file of its own, which the worker reads and the web process does not need. Each
head is a line of a file that is only appended to, and a log line, so that it can leave the machine.
"""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.conf import settings

from tickets.models import AuditHead

logger = logging.getLogger("supportops.audit")

EVERY_RECORDS = 100
EVERY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The digest of a record at a moment, signed with Ed25519."""

    number: int
    digest: str
    at: str
    signature: str

    def as_record(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        return cls(
            int(record["number"]),
            str(record["digest"]),
            str(record["at"]),
            str(record["signature"]),
        )

    @property
    def signed_text(self) -> bytes:
        return signed_text(self.number, self.digest, self.at)


class HeadsUnreadable(RuntimeError):
    """The file of signed heads or the key is damaged. The message names the file and line."""


def signed_text(number: int, digest: str, at: str) -> bytes:
    """What a signature covers."""
    return f"{number}|{digest}|{at}".encode()


def sign_due(*, now: datetime) -> int:
    """Sign the head when 100 records or 60 seconds have passed since the last; 1 if it did."""
    head = AuditHead.objects.filter(pk=1).first()
    if head is None or head.number == 0:
        return 0
    last = last_head()
    if last is not None and not _is_due(head.number, last, now):
        return 0
    at = now.astimezone(UTC).isoformat(timespec="seconds")
    signature = _private_key().sign(signed_text(head.number, head.digest, at)).hex()
    signed = SignedHead(head.number, head.digest, at, signature)
    _append(signed)
    logger.info(
        "audit head %s %s signed at %s: %s", signed.number, signed.digest, signed.at, signature
    )
    return 1


def _is_due(number: int, last: SignedHead, now: datetime) -> bool:
    if number <= last.number:
        return False
    waited = now - datetime.fromisoformat(last.at)
    return number - last.number >= EVERY_RECORDS or waited >= EVERY


def read() -> list[SignedHead]:
    """All signed heads in the order in which they were written.

    Raises:
        HeadsUnreadable: a line of the file is no signed head.
    """
    heads = []
    try:
        lines = _file().read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    for number, line in enumerate(lines, 1):
        try:
            heads.append(SignedHead.from_record(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise HeadsUnreadable(f"{_file().name}, line {number} is no signed head.") from error
    return heads


def last_head() -> SignedHead | None:
    """The newest signed head, read from the end of the file alone."""
    try:
        with _file().open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 1024))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return None
    return SignedHead.from_record(json.loads(lines[-1])) if lines else None


def is_genuine(head: SignedHead) -> bool:
    """Whether the signature is that of this install's key."""
    try:
        _public_key().verify(bytes.fromhex(head.signature), head.signed_text)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key_hex() -> str | None:
    """The public key, for whoever checks an export elsewhere; None before the first signature."""
    try:
        return _public_file().read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None


def _public_key() -> Ed25519PublicKey:
    stored = public_key_hex()
    if stored is None:
        raise HeadsUnreadable("There are signed heads, but the public key is missing.")
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(stored))


def _private_key() -> Ed25519PrivateKey:
    """The key, made on first use, readable by its owner only."""
    path = settings.AUDIT_KEY_FILE
    try:
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
    except FileNotFoundError:
        key = Ed25519PrivateKey.generate()
    except ValueError as error:
        raise HeadsUnreadable(f"{path.name} is no Ed25519 key.") from error
    raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    try:
        with open(path, "xb", opener=_owner_only) as file:
            file.write(raw)
    except FileExistsError:
        # Another worker was faster; its key counts.
        return _private_key()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    _public_file().write_text(public.hex() + "\n", encoding="ascii")
    return key


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _append(head: SignedHead) -> None:
    line = json.dumps(head.as_record(), sort_keys=True) + "\n"
    with _file().open("a", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def _file() -> Path:
    return Path(settings.AUDIT_HEADS_FILE)


def _public_file() -> Path:
    return Path(settings.AUDIT_KEY_FILE).with_suffix(".pub")
