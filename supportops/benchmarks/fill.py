"""Fills the database that the settings name with a crowd of tickets, to measure with.

    python -m supportops.benchmarks.fill --tickets 1000000 [--days 365] [--seed 1]

Requesters, messages and events, but no decisions and no audit records.
"""

import argparse
import os

import django
from django.utils import timezone

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportops.settings")

PROGRESS = 50_000


def fill(*, tickets: int, days: int, seed: int) -> None:
    """Write the crowd, saying how far it is."""
    # models exist only once Django is set up
    from supportops.benchmarks.crowd import Crowd

    crowd = Crowd(tickets=tickets, days=days, seed=seed, now=timezone.now())
    for done in crowd.write():
        if done % PROGRESS == 0 or done == tickets:
            print(f"  {done} of {tickets} tickets", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tickets", type=int, required=True)
    parser.add_argument("--days", type=int, default=365, help="how far back they reach")
    parser.add_argument("--seed", type=int, default=1, help="other numbers, other tickets")
    django.setup()
    fill(**vars(parser.parse_args()))
