"""Public references such as `T-7K3M-Q9XD`: random, without characters that look alike."""

import re
import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no 0/O, 1/I/L, U
PATTERN = re.compile(rf"T-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}")


def new_reference() -> str:
    """About 39 random bits. The database refuses the rare twin and intake draws again."""
    letters = [secrets.choice(ALPHABET) for _ in range(8)]
    return f"T-{''.join(letters[:4])}-{''.join(letters[4:])}"
