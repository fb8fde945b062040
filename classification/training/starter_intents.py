"""The starter taxonomy as rows."""

import csv

from classification.models import Intent
from classification.starter.corpus import FOLDER


def install_intents() -> int:
    """Add the starter intents that are not there; how many. What a business changed stays."""
    with (FOLDER / "intents.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    known = set(Intent.objects.values_list("slug", flat=True))
    new = [
        Intent(position=position, **row)
        for position, row in enumerate(rows)
        if row["slug"] not in known
    ]
    Intent.objects.bulk_create(new, ignore_conflicts=True)
    return len(new)
