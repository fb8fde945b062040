"""Replaying what was decided through a draft."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from decisions.certificates import terms
from decisions.models import Decision, Policy, Review
from decisions.reviews import answers
from decisions.reviews.answers import Answer
from decisions.rules.backtest import DOWN, UP
from decisions.tests.factories import make_draft
from decisions.trials import simulate as trials_simulate
from decisions.trials.simulate import NothingDecided, Window, simulate
from tickets.codes import ReviewVerdict
from tickets.models import AuditRecord, Message
from tickets.tests.arriving import NOW, arrive
from tickets.tests.visiting import certify

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def all_are_drawn(settings):
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 1.0


@pytest.fixture
def history(starter, says):
    """Four tickets: one answered, one close below the threshold, one far, one without intent."""
    certify("order_status")
    for number, (intent, confidence) in enumerate(
        [("order_status", 0.95), ("order_status", 0.85), ("order_status", 0.3), (None, 0.2)]
    ):
        says(intent, confidence=confidence)
        arrive(email=f"p{number}@example.com", now=timezone.now())
    return list(Decision.objects.order_by("id"))


def run(draft, days=30, **more):
    return simulate(draft, Window.of(days), **more)


def test_a_stricter_draft_hands_an_answer_to_a_person(history):
    result = run(make_draft(threshold=0.99))
    assert (result.flips(UP), result.flips(DOWN), result.replayed) == (0, 2, 4)
    (((direction, intent, reason), group),) = result.table()
    assert (direction, intent, reason) == (DOWN, "order_status", "below_threshold")
    assert [flip.case.decision for flip in group.examples] == [history[0].pk, history[1].pk]


def test_a_draft_that_says_the_same_flips_nothing(history):
    result = run(make_draft())
    assert result.table() == []
    assert result.share(after=True) == result.share(after=False) == 0.5


def test_a_draft_with_another_level_sends_what_was_only_suggested(starter, says):
    certify("how_to", "order_status")
    says("how_to", confidence=0.95)
    arrive(now=timezone.now())
    draft = make_draft(intent="how_to", level="auto", template="order_status")
    result = run(draft)
    assert (result.flips(UP), result.flips(DOWN)) == (1, 0)
    assert result.wrongs().words == "unknown, 0 to 1"


def test_blind_labels_are_counted_among_the_flips(starter, says, lead, monkeypatch):
    monkeypatch.setattr(terms, "SECOND_SHARE", 0.0)
    certify("how_to")
    says("how_to", confidence=0.95)
    for number in range(3):
        arrive(email=f"p{number}@example.com", now=timezone.now())
    for review in Review.objects.order_by("id")[:2]:
        given = Answer(verdict=ReviewVerdict.INTENT, intent="how_to", machine_could=True)
        answers.answer(review.pk, lead, given, may_settle=False, now=timezone.now())
    draft = make_draft(intent="how_to", level="auto", template="order_status")
    wrongs = run(draft).wrongs()
    assert (wrongs.flips, wrongs.labelled, wrongs.wrong) == (3, 2, 0)
    assert (wrongs.low, wrongs.high) == (0, 1)


def test_the_same_history_and_draft_give_the_same_bytes(history):
    draft, written = make_draft(threshold=0.99), []
    for _ in range(2):
        for form in ("json", "csv", "text"):
            file = io.StringIO()
            call_command("simulate", policy=draft.number, format=form, stdout=file)
            written.append(file.getvalue())
    assert written[:3] == written[3:]
    assert all(written)


def test_the_clock_plays_no_part(history, monkeypatch):
    draft = make_draft(threshold=0.99)
    before = run(draft).as_record()
    later = timezone.now() + timedelta(days=400)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert run(draft).as_record() == before


def test_it_writes_nothing(history):
    draft = make_draft(threshold=0.99)
    before = [Decision.objects.count(), AuditRecord.objects.count(), Policy.objects.count()]
    rows = list(Decision.objects.order_by("id").values())
    run(draft)
    assert [Decision.objects.count(), AuditRecord.objects.count(), Policy.objects.count()] == before
    assert list(Decision.objects.order_by("id").values()) == rows


def test_edited_topics_are_looked_for_in_the_words_that_are_left(history):
    draft = make_draft()
    draft.topics = {**draft.topics, "press": {"en": ["order"]}}
    draft.save()
    Message.objects.filter(ticket=history[1].ticket).update(body="", subject="")
    result = run(draft)
    assert (result.reread, result.not_reread) == (3, 1)
    assert [key for key, _ in result.table()] == [
        (DOWN, "order_status", "guard:sensitive_topic"),
    ]
    assert result.flips(DOWN) == 1


def test_facts_of_another_version_are_left_out_and_counted(history):
    row = history[0]
    other = Decision(**{f.attname: getattr(row, f.attname) for f in Decision._meta.concrete_fields})
    other.pk, other.round, other.facts = None, 9, {**row.facts, "version": 99}
    other._state.adding = True
    other.save()
    result = run(make_draft())
    assert (result.replayed, result.left_out) == (4, 1)


def test_only_the_days_up_to_the_newest_decision_count(starter, says):
    says(None)
    arrive(now=NOW - timedelta(days=40), email="old@example.com")
    arrive(now=NOW, email="new@example.com")
    assert run(make_draft(), days=30).replayed == 1
    assert run(make_draft(), days=50).replayed == 2


def test_batches_see_every_decision_once_with_flat_queries(
    history, monkeypatch, django_assert_max_num_queries
):
    seen = []
    monkeypatch.setattr(trials_simulate, "BATCH", 3)
    draft = make_draft(threshold=0.99)
    with django_assert_max_num_queries(20) as queries:
        result = run(draft, progress=lambda done, of: seen.append((done, of)))
    assert (result.replayed, seen) == (4, [(3, 4), (4, 4)])
    batches = [q for q in queries if "LIMIT 3" in q["sql"]]
    assert len(batches) == 3  # two full of rows, one that finds nothing


def test_nothing_decided_means_nothing_to_replay(starter):
    with pytest.raises(NothingDecided):
        Window.of(30)


def said(**options):
    out = io.StringIO()
    call_command("simulate", stdout=out, **options)
    return out.getvalue()


def test_the_command_says_what_flips_and_what_nobody_can_know(history):
    make_draft(threshold=0.99)
    words = said()
    assert "automatic -> person: 2" in words
    assert f"such as {history[0].ticket.reference}" in words
    assert "none: nothing more would be automated" in words
    assert "Not estimable:" in words


def test_the_command_writes_a_table_of_flips_to_a_file(history, tmp_path):
    draft = make_draft(threshold=0.99)
    path = tmp_path / "flips.csv"
    assert said(policy=draft.number, format="csv", output=path) == ""
    rows = list(csv.DictReader(path.open()))
    assert [row["ticket"] for row in rows] == [h.ticket.reference for h in history[:2]]
    assert {row["reasons"] for row in rows} == {"below_threshold"}


def test_the_command_writes_json(history):
    make_draft(threshold=0.99)
    record = json.loads(said(format="json"))
    assert record["flips"] == {UP: 0, DOWN: 2}
    assert record["policy"] == 2


@pytest.mark.parametrize("options", [{"policy": 4711}, {"days": 0}])
def test_the_command_refuses_what_cannot_be_in_one_sentence(history, options):
    with pytest.raises(CommandError, match=r"\."):
        said(**options)


def test_the_command_says_when_nothing_was_decided(starter):
    with pytest.raises(CommandError, match="Nothing was decided yet"):
        said()
