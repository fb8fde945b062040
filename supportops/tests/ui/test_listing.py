"""The console's lists: what stands where there is no row."""

import pytest
from django.urls import reverse

from tickets.tests.at_work import as_user, words_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("decisions_quarantine", "none failed its blind reviews"),
        ("decisions_scenario", "must never change"),
        ("decisions_candidate", "beside the one in force"),
        ("decisions_override", "in place of the machine"),
        ("decisions_review", "drawn when they come in"),
        ("metrics_alert", "Nothing has ever fired"),
    ],
)
def test_an_empty_list_says_what_will_stand_there(lead, table, words):
    address = reverse(f"admin:{table}_changelist")
    assert words in words_of(as_user(lead).get(address))


def test_a_search_without_hits_offers_the_way_back_instead(lead):
    shown = words_of(as_user(lead).get(reverse("admin:decisions_scenario_changelist") + "?q=zzz"))
    assert "No row fits what you asked for" in shown
    assert "must never change" not in shown
    assert "Add the first" not in shown
