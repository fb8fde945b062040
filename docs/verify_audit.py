#!/usr/bin/env python3
"""Check an exported audit chain. Needs nothing but Python's standard library.

    python3 verify_audit.py chain.jsonl [--public-key HEX]

Every record holds the SHA-256 of the one before it, so a change anywhere breaks the chain from
there on. Signed heads tie the chain to moments in time; their Ed25519 signatures are checked when
the package `cryptography` or the program `openssl` is there, and where neither is, this says so.
Exit code: 0 sound, 1 not sound, 2 not readable.
"""

import argparse
import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

GENESIS = "0" * 64
PEM_PREFIX = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: an Ed25519 public key follows


def canonical(value: Any) -> str:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def check_records(lines: list[str], heads: dict[int, str]) -> tuple[int, str | None]:
    """Number of sound records, and what is wrong with the next one."""
    previous = GENESIS
    for number, line in enumerate(lines, 1):
        problem = check_record(line, number, previous, heads.get(number))
        if problem:
            return number - 1, f"record {number}: {problem}"
        previous = json.loads(line)["digest"]
    beyond = [number for number in heads if number > len(lines)]
    if beyond:
        return len(lines), f"record {len(lines) + 1}: missing; {max(beyond)} were signed"
    return len(lines), None


def check_record(line: str, number: int, previous: str, signed: str | None) -> str | None:
    try:
        record = json.loads(line)
        body = json.loads(record["body"])
    except (ValueError, KeyError, TypeError):
        return "it is not a record"
    if hashlib.sha256(record["body"].encode()).hexdigest() != record["digest"]:
        return "its body does not have its digest"
    if canonical(body) != record["body"]:
        return "its body is not canonical JSON"
    if body.get("number") != number:
        return f"it says that it is number {body.get('number')}"
    if body.get("previous") != previous:
        return "it does not follow from the record before it"
    if signed is not None and signed != record["digest"]:
        return "it is not the record that was signed"
    return None


def check_signature(public_key: str, head: dict[str, Any]) -> bool | None:
    """True or False; None when this machine has nothing to check Ed25519 with."""
    text = f"{head['number']}|{head['digest']}|{head['at']}".encode()
    key, signature = bytes.fromhex(public_key), bytes.fromhex(head["signature"])
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return check_with_openssl(key, signature, text) if shutil.which("openssl") else None
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    except InvalidSignature:
        return False
    return True


def check_with_openssl(key: bytes, signature: bytes, text: bytes) -> bool:
    encoded = base64.b64encode(PEM_PREFIX + key).decode()
    with tempfile.TemporaryDirectory() as folder:
        pem, sig, data = (Path(folder, name) for name in ("key.pem", "sig", "text"))
        pem.write_text(f"-----BEGIN PUBLIC KEY-----\n{encoded}\n-----END PUBLIC KEY-----\n")
        sig.write_bytes(signature)
        data.write_bytes(text)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(pem), "-rawin"]
        command += ["-in", str(data), "-sigfile", str(sig)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file")
    parser.add_argument("--public-key", help="as you know it from elsewhere; else the file's own")
    arguments = parser.parse_args()
    try:
        first, *lines = Path(arguments.file).read_text(encoding="utf-8").splitlines()
        header = json.loads(first)
        heads = header["heads"]
        signed = {int(head["number"]): str(head["digest"]) for head in heads}
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"This is no exported chain: {error}")
        return 2
    sound, problem = check_records(lines, signed)
    if problem:
        print(f"NOT SOUND. {problem}")
        return 1
    print(f"{sound} records, each follows from the one before it.")
    return report_heads(heads, arguments.public_key or header.get("public_key"))


def report_heads(heads: list[dict[str, Any]], public_key: str | None) -> int:
    if not heads or not public_key:
        print("There are no signed heads: records cut off at the end would not be noticed.")
        return 0
    checked = [check_signature(public_key, head) for head in heads]
    if None in checked:
        print("Signatures were NOT checked: neither `cryptography` nor `openssl` is here.")
        return 0
    if not all(checked):
        print(f"NOT SOUND. The signed head of record {heads[checked.index(False)]['number']}.")
        return 1
    last = heads[-1]
    print(f"{len(heads)} signed heads, the last of record {last['number']} at {last['at']}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
