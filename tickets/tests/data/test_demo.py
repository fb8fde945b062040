"""Demo tickets: made by the same services as real ones, on a clock of the past."""

import random
from datetime import timedelta

import pytest

from classification.starter.corpus import held_out_examples, training_examples
from decisions.models import Certificate, Decision
from decisions.tests.factories import CertificateFactory
from tickets.codes import AuditKind, OutboxState, Role
from tickets.data import demo
from tickets.history import verify
from tickets.models import AuditRecord, Message, Outbox, Target, Ticket, TicketEvent
from tickets.outbox import deliver
from tickets.tests.arriving import DAY, NOW

PLAN = {"tickets": 30, "days": 10, "seed": 7}


def known(visit: demo.Visit) -> tuple:
    return (visit.at, visit.until, visit.name, visit.email, visit.example, visit.draw.getstate())


@pytest.fixture
def played(starter, says, person):
    """A week in which every third message may be answered automatically."""
    person(Role.AGENT, username="mia")
    CertificateFactory()
    visits = demo.plan(**PLAN, now=NOW)
    for number, visit in enumerate(visits):
        says("order_status" if number % 3 == 0 else "refund_request")
        demo.play(visit)
    demo.end(visits)
    return visits


def test_the_same_numbers_give_the_same_plan(db):
    first, second = demo.plan(**PLAN, now=NOW), demo.plan(**PLAN, now=NOW)
    assert [known(visit) for visit in first] == [known(visit) for visit in second]
    other = demo.plan(**PLAN | {"seed": 8}, now=NOW)
    assert [known(visit) for visit in first] != [known(visit) for visit in other]


def test_a_plan_does_not_depend_on_what_else_draws_numbers(db):
    random.seed(1)
    first = [known(visit) for visit in demo.plan(**PLAN, now=NOW)]
    random.seed(2)
    assert [known(visit) for visit in demo.plan(**PLAN, now=NOW)] == first


def test_a_plan_has_as_many_visits_as_asked_for_in_order_and_in_the_past():
    visits = demo.plan(tickets=200, days=14, seed=1, now=NOW)
    moments = [visit.at for visit in visits]
    assert (len(visits), moments) == (200, sorted(moments))
    assert NOW - 15 * DAY < moments[0] < moments[-1] < NOW


def test_demo_customers_write_what_no_model_was_trained_on():
    written = {visit.example.text for visit in demo.plan(tickets=200, days=14, seed=1, now=NOW)}
    assert written <= {example.text for example in held_out_examples()}
    assert not written & {example.text for example in training_examples()}


def test_every_ticket_is_decided_audited_and_has_a_timeline(played):
    assert Ticket.objects.count() == len(played)
    assert not Ticket.objects.undecided().exists()
    first_rounds = Decision.objects.filter(round=1)
    assert first_rounds.count() == len(played)
    assert AuditRecord.objects.filter(kind=AuditKind.DECISION).count() == Decision.objects.count()
    assert verify.verify().is_sound
    for ticket in Ticket.objects.all():
        assert ticket.events.order_by("id").first().kind == "ticket.received"
        assert ticket.metadata == {"demo": True}


def test_some_promises_are_kept_and_some_missed(played):
    rows = Target.objects.counted()
    assert rows.filter(met_at__isnull=False, breached_at=None).count() >= 3
    assert rows.filter(met_at__isnull=False, breached_at__isnull=False).count() >= 3
    assert rows.filter(warned_at__isnull=False).exists()
    assert not rows.unnoticed_breaches(NOW).exists()
    kinds = set(TicketEvent.objects.values_list("kind", flat=True))
    assert kinds >= {"service_level.breached", "service_level.warned"}


def test_customers_and_agents_use_what_there_is_to_use(played):
    kinds = set(TicketEvent.objects.values_list("kind", flat=True))
    assert kinds >= {
        "ticket.received",
        "decision.auto_resolved",
        "decision.escalated",
        "message.machine",
        "message.agent",
        "ticket.assigned",
        "ticket.resolved",
        "feedback.helped",
        "feedback.rated",
    }
    assert set(Ticket.objects.values_list("status", flat=True)) >= {"open", "resolved"}


def test_nothing_happens_after_the_present(played):
    assert TicketEvent.objects.latest("at").at <= NOW
    assert Message.objects.latest("created_at").created_at <= NOW
    assert not Ticket.objects.filter(updated_at__gt=NOW).exists()


def test_older_tickets_are_mostly_answered_and_of_the_newest_some_wait(starter, says, person):
    person(Role.AGENT, username="mia")
    says("refund_request")
    for visit in demo.plan(tickets=60, days=8, seed=1, now=NOW):
        demo.play(visit)
    old = Ticket.objects.filter(created_at__lt=NOW - timedelta(days=2))
    new = Ticket.objects.exclude(created_at__lt=NOW - timedelta(days=2))
    assert old.filter(status="open").count() < 0.25 * old.count()
    assert new.filter(status="open").count() > 0.25 * new.count()


def test_without_agents_demo_tickets_wait(starter, says):
    says("refund_request")
    demo.play(demo.plan(**PLAN, now=NOW)[0])
    assert Ticket.objects.get().status == "open"


# --- Mail stays inside ----------------------------------------------------------------------------


def test_demo_mail_is_never_delivered(played, mailoutbox):
    assert deliver.deliver_due(now=NOW + DAY) == 0
    assert mailoutbox == []
    assert set(Outbox.objects.values_list("state", "last_error")) == {
        (OutboxState.SUPPRESSED, "demo")
    }


@pytest.mark.django_db(transaction=True)
def test_no_worker_ever_sees_demo_mail_waiting(starter, says, monkeypatch):
    """What another connection could see is what is committed."""
    seen = []
    says("refund_request")
    monkeypatch.setattr(
        "tickets.history.nudge.worker",
        lambda: seen.extend(Outbox.objects.values_list("state", flat=True)),
    )
    demo.play(demo.plan(**PLAN, now=NOW)[0])
    assert seen == [OutboxState.SUPPRESSED]


def test_mail_of_real_customers_is_left_alone(played):
    ticket = Ticket.objects.first()
    ticket.requester.email = "ada@example.com"
    ticket.requester.save()
    Outbox.objects.filter(ticket=ticket).update(state=OutboxState.PENDING, last_error="")
    assert demo.keep_mail_inside() == 0


# --- The demo's permit ----------------------------------------------------------------------------


@pytest.fixture
def fresh(starter, says, monkeypatch):
    """A fresh install: its demo permit was issued a minute ago, after all the demo tickets."""
    says("order_status")
    return CertificateFactory(issued_at=NOW - timedelta(minutes=1), expires_at=NOW + 90 * DAY)


def test_a_fresh_install_answers_some_demo_tickets_of_the_past(fresh):
    visits = demo.plan(**PLAN, now=NOW)
    demo.begin(visits)
    assert demo.play(visits[0]).outcome == "auto_resolve"
    copy = Certificate.objects.latest("id")
    assert (copy.issued_at, copy.expires_at) == (visits[0].at, NOW)
    assert "demo" in copy.statement
    link = AuditRecord.objects.filter(kind=AuditKind.CERTIFICATE).get()
    assert link.subject == f"certificate:{copy.pk}"


def test_from_the_present_on_the_real_permit_counts(fresh):
    demo.begin(demo.plan(**PLAN, now=NOW))
    assert Certificate.objects.in_force("scripted-1", NOW).first() == fresh


def test_a_permit_that_is_old_enough_or_earned_is_not_copied(fresh):
    visits = demo.plan(**PLAN, now=NOW)
    demo.begin(visits), demo.begin(visits)
    assert Certificate.objects.count() == 2
    CertificateFactory(kind="live", issued_at=NOW - timedelta(minutes=1))
    demo.begin(demo.plan(**PLAN | {"days": 20}, now=NOW))
    assert Certificate.objects.count() == 3
