"""The week against the sample of the certificate in force, and unexplained messages grouped."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest

from classification.models import Prediction
from decisions.tests.factories import CertificateFactory
from metrics.drift import unexplained, weeks
from metrics.models import DriftLook, UnexplainedGroup
from metrics.tests.factories import NOON
from tickets.codes import CertificateKind, NoIntent
from tickets.models import Message
from tickets.tests.factories import TicketFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
KINDS = ("order_status", "refund_request", "praise", None)


@pytest.fixture
def serving(says):
    return says("order_status", version="scripted-1")


def predict(first_day, days, shares, *, a_day=60, seed=1):
    """Predictions of so many days before now, with these shares of the kinds."""
    random = np.random.default_rng(seed)
    ticket = TicketFactory(created_at=NOON)
    rows = []
    for back in range(first_day, first_day + days):
        for kind, number in zip(KINDS, random.multinomial(a_day, shares), strict=True):
            rows += [
                Prediction(
                    ticket=ticket,
                    round=1,
                    message_number=1,
                    classifier="scripted-1",
                    intent=kind,
                    no_intent=None if kind else NoIntent.OUT_OF_SCOPE,
                    confidence=0.95 if kind else 0.3,
                    milliseconds=1,
                    at=NOON - back * DAY,
                )
            ] * int(number)
    Prediction.objects.bulk_create(
        [
            Prediction(
                **{
                    f.attname: getattr(row, f.attname)
                    for f in row._meta.fields
                    if f.attname != "id"
                }
            )
            for row in rows
        ]
    )


USUAL = (0.4, 0.3, 0.2, 0.1)
OTHER = (0.2, 0.2, 0.15, 0.45)


def test_a_live_certificate_is_compared_with_the_days_of_its_sample(serving):
    CertificateFactory(kind=CertificateKind.LIVE, issued_at=NOON - 10 * DAY)
    predict(11, 28, USUAL)
    predict(1, 7, OTHER, seed=2)
    assert weeks.look(NOON) == 3
    looks = {look.series: look for look in DriftLook.objects.all()}
    assert {s: look.fires for s, look in looks.items()} == {
        "intents": True,
        "confidence": True,
        "abstention": True,
    }
    intents = looks["intents"]
    assert (intents.reference, intents.weeks, intents.rows_now, intents.rows_before) == (
        "sample",
        4,
        420,
        1680,
    )
    assert intents.moved[0]["kind"] == "no_intent:out_of_scope"
    assert intents.allowed_p == pytest.approx(1 / 1095)


def test_the_same_mixture_is_no_drift(serving):
    CertificateFactory(kind=CertificateKind.LIVE, issued_at=NOON - 10 * DAY)
    predict(11, 28, USUAL)
    predict(1, 7, USUAL, seed=2)
    weeks.look(NOON)
    assert not DriftLook.objects.filter(fires=True).exists()


def test_a_demo_permit_is_compared_with_its_first_weeks(serving):
    CertificateFactory(kind=CertificateKind.DEMO, issued_at=NOON - 40 * DAY)
    predict(12, 28, USUAL)
    predict(1, 7, OTHER, seed=2)
    weeks.look(NOON)
    look = DriftLook.objects.get(series="abstention")
    assert (look.reference, look.fires) == ("first_weeks", True)


def test_looking_again_on_the_same_day_changes_nothing(serving):
    CertificateFactory(kind=CertificateKind.LIVE, issued_at=NOON - 10 * DAY)
    predict(11, 28, USUAL)
    assert weeks.look(NOON) == 3
    assert weeks.look(NOON + timedelta(hours=3)) == 0
    assert weeks.look(NOON + DAY) == 3
    assert DriftLook.objects.count() == 6


def test_without_a_certificate_or_its_days_nobody_looks(serving):
    assert weeks.look(NOON) == 0
    CertificateFactory(kind=CertificateKind.DEMO, issued_at=NOON - 3 * DAY)
    assert weeks.look(NOON) == 0
    assert not DriftLook.objects.exists()


def test_the_number_of_queries_does_not_grow_with_tickets(serving, django_assert_num_queries):
    CertificateFactory(kind=CertificateKind.LIVE, issued_at=NOON - 10 * DAY)
    predict(11, 28, USUAL)
    # hours, looks of today, certificate, two for each series, looks written
    with django_assert_num_queries(10):
        weeks.look(NOON)


# --- Unexplained ----------------------------------------------------------------------------------


def unexplained_ticket(message, reason=NoIntent.OUT_OF_SCOPE):
    ticket = TicketFactory(message=message, created_at=NOON)
    Prediction.objects.create(
        ticket=ticket, round=1, classifier="scripted-1", no_intent=reason, milliseconds=1, at=NOON
    )
    return ticket


def test_messages_without_an_intent_are_grouped_by_their_words_and_only_ids_are_kept():
    cards = [
        unexplained_ticket("The gift card shows no balance", NoIntent.AMBIGUOUS) for _ in range(6)
    ]
    for number in range(10):
        unexplained_ticket(f"{'abcdefghij'[number] * 5} {'klmnopqrst'[number] * 7}")
    unexplained_ticket("The gift card shows no balance", NoIntent.UNREADABLE)
    assert unexplained.regroup(NOON) == 1
    group = UnexplainedGroup.objects.get()
    assert group.size == 6
    assert set(group.tickets) == {ticket.pk for ticket in cards}
    assert "gift" not in str(list(UnexplainedGroup.objects.values()))


def test_erased_messages_are_not_read():
    tickets = [unexplained_ticket("The gift card shows no balance") for _ in range(6)]
    Message.objects.filter(ticket__in=tickets[:3]).update(erased_at=NOON)
    assert unexplained.regroup(NOON) == 0


def test_groups_of_yesterday_make_room_and_today_is_grouped_once():
    for _ in range(6):
        unexplained_ticket("The gift card shows no balance")
    assert unexplained.regroup(NOON) == 1
    assert unexplained.regroup(NOON) == 0
    assert unexplained.regroup(NOON + DAY) == 1
    assert Counter(UnexplainedGroup.objects.values_list("day", flat=True)) == {
        (NOON + DAY).date(): 1
    }
