"""Numbers that stand in several places are the same everywhere."""

import re

from django.conf import settings

from decisions.certificates.terms import LATE_AFTER, LIFE, REVIEWED_FIRST, SECOND_SHARE


def documented():
    text = (settings.BASE_DIR / "docs" / "certificates.md").read_text()
    return " ".join(text.split())


def test_the_document_states_the_terms_that_hold():
    words = documented()
    assert f"and for {LIFE.days} days at most" in words
    assert f"after {LATE_AFTER.days} days an open one counts as wrong" in words
    assert f"They count from {LIFE.days} days before a model was first judged" in words
    assert (SECOND_SHARE, "for a random tenth of the rest" in words) == (0.10, True)
    assert f"first {REVIEWED_FIRST} automatic answers of a new intent" in words


def test_no_other_number_of_days_is_promised_there():
    days = {int(number) for number in re.findall(r"\b([0-9]+) days\b", documented())}
    assert days == {LIFE.days, LATE_AFTER.days}
