"""Permits from held-out messages, and trials on the reserve."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from classification import services as classification
from classification.contract import Prediction
from classification.models import ModelVersion
from classification.training.train import TrainingData
from decisions.models import Certificate, ReserveTrial, Review, ThresholdGrid
from tickets.codes import CertificateKind, Channel, NoIntent, ReviewVerdict
from tickets.history.record import Actor
from tickets.learning import certify, reserve
from tickets.learning.certify import HeldOutUnusable, mixture
from tickets.models import AuditRecord
from tickets.pipeline.inquiry import Inquiry
from tickets.pipeline.receive import receive

NOW = timezone.now()
OUTSIDE = "out_of_scope"


def named(number):
    """A word for a number that can be spoken: no two messages are near-duplicates, and none is a
    row of letters that the guards take for gibberish."""
    syllables = ("ba", "ce", "di", "fo", "gu", "la", "me", "ni", "po", "ru")
    return "".join(syllables[int(digit)] for digit in str(number))


def messages(inside, outside, *, topic=0):
    """So many messages about an order, some of them with a threat, and so many about nothing."""
    threat = " or my lawyer sues you"
    texts = [f"order {named(n)}{threat if n < topic else ''}" for n in range(inside)]
    texts += [f"nothing {named(n)}" for n in range(outside)]
    intents = ["order_status"] * inside + [OUTSIDE] * outside
    return TrainingData([str(n) for n in range(len(texts))], texts, intents)


class ByWord:
    """Answers by the first word of a message: `order` and `strange` with an intent."""

    version = "byword-1"

    def __init__(self, wrong=()):
        self.wrong = set(wrong)

    def predict(self, texts):
        return [self.one(text.split("\n")[-1]) for text in texts]

    def one(self, text):
        known = text.startswith("order") or text in self.wrong
        return Prediction(
            intent="order_status" if known else None,
            reason=None if known else NoIntent.OUT_OF_SCOPE,
            confidence=0.97,
            best_guess="order_status",
            runner_up="delivery_problem",
            margin=0.9,
            alternatives=(("order_status", 0.97),),
            language="en",
            parts=1,
        )


@pytest.fixture
def model(starter, monkeypatch):
    """A model version that is not in force; `model.wrong` names messages that it gets wrong."""
    classifier = ByWord()
    monkeypatch.setattr(
        classification.registry, "load_classifier", lambda path, expected_sha256: classifier
    )
    row = ModelVersion.objects.create(
        version=classifier.version,
        classifier="linear",
        name="test",
        manifest_sha256="0" * 64,
        training_rows=1,
        training_sha256="0" * 64,
        scores={},
        trained_at=NOW,
    )
    row.wrong = classifier.wrong
    return row


def issue(model, data, *, share=0.6, alpha=0.05):
    return certify.issue_held_out(
        model,
        data,
        outside_share=share,
        alpha=alpha,
        delta=0.05,
        actor=Actor.machine(),
        now=NOW,
    )


# --- The mixture ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inside", "outside", "share", "taken"),
    [(100, 300, 0.6, (100, 150)), (300, 60, 0.6, (40, 60)), (50, 50, 0.0, (50, 0))],
)
def test_the_messages_are_mixed_to_the_stated_share(inside, outside, share, taken):
    data = messages(inside, outside)
    chosen, rest = mixture(data, share)
    kinds = [data.intents[i] == OUTSIDE for i in chosen]
    assert (kinds.count(False), kinds.count(True)) == taken
    assert sorted(chosen + rest) == list(range(inside + outside))


def test_nobody_picks_the_rows_by_their_order():
    data = messages(60, 200)
    turned = TrainingData(data.ids, data.texts[::-1], data.intents[::-1])
    chosen = {data.texts[i] for i in mixture(data, 0.6)[0]}
    assert {turned.texts[i] for i in mixture(turned, 0.6)[0]} == chosen


def test_near_duplicates_are_one_row():
    data = TrainingData(
        ["1", "2", "3"], ["Order? Where", "where order", "x y"], ["a", "a", OUTSIDE]
    )
    assert len(mixture(data, 0.5)[0]) == 2


@pytest.mark.parametrize(("inside", "outside"), [(0, 10), (10, 0)])
def test_without_one_of_the_kinds_there_is_no_mixture(inside, outside):
    with pytest.raises(HeldOutUnusable):
        mixture(messages(inside, outside), 0.6)


# --- Held out -------------------------------------------------------------------------------------


def test_enough_right_answers_earn_a_provisional_permit(model):
    found, certificate = issue(model, messages(80, 120))
    assert (found.rows, found.outside, found.accepted, found.errors) == (200, 120, 80, 0)
    assert (certificate.kind, certificate.classifier_version) == (
        CertificateKind.PROVISIONAL,
        "byword-1",
    )
    assert (certificate.rows, certificate.coverage, certificate.alpha) == (80, 0.4, 0.05)
    assert certificate.policy_digest
    assert certificate.shares == {"order_status": 1.0}
    assert "60% of them out of scope, not on your live tickets" in certificate.statement
    assert AuditRecord.objects.filter(subject=f"certificate:{certificate.pk}").count() == 1


def test_an_automated_message_out_of_scope_is_an_error(model):
    model.wrong.update(f"nothing {named(n)}" for n in range(10))
    found, certificate = issue(model, messages(80, 120))
    assert (found.accepted, found.errors, certificate) == (90, 10, None)
    assert not Certificate.objects.exists()


def test_what_the_guards_stop_is_no_part_of_it(model):
    found, _ = issue(model, messages(100, 150, topic=20))
    assert found.accepted == 80


def test_too_few_say_how_many_are_missing(model):
    found, certificate = issue(model, messages(40, 60))
    assert certificate is None
    assert found.missing == round((72 - 40) / 0.4)


def test_the_command_reads_a_file_and_a_dry_run_writes_nothing(model, tmp_path, capsys):
    data = messages(80, 120)
    path = tmp_path / "held.csv"
    lines = [f'"{text}",{label}' for text, label in zip(data.texts, data.intents, strict=True)]
    path.write_text("\n".join(["text,intent", *lines]))
    call = ["certify", "--held-out", str(path), "--model", "byword-1", "--alpha", "0.05"]
    call_command(*call, "--dry-run")
    assert "Nothing was written" in capsys.readouterr().out
    assert not Certificate.objects.exists()
    call_command(*call)
    out = capsys.readouterr().out
    assert "200 held-out messages count, 120 of them out of scope" in out
    assert "Earned: threshold" in out
    assert Certificate.objects.count() == 1
    with pytest.raises(CommandError, match="There is no model version nobody"):
        call_command("certify", "--held-out", str(path), "--model", "nobody")
    with pytest.raises(CommandError, match="below 1"):
        call_command(*call, "--out-of-scope-share", "1.0")


# --- The reserve ----------------------------------------------------------------------------------


@pytest.fixture
def reviewed(starter, says, agent, settings):
    """`reviewed(300)`: so many tickets of the model in force, all drawn and answered."""
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 1.0

    def make(number, *, wrong=0):
        says("order_status", confidence=0.97)
        for n in range(number):
            inquiry = Inquiry(
                name="A",
                email=f"p{n}@example.com",
                message=f"order {named(n)}",
                channel=Channel.FORM,
            )
            receive(inquiry, now=NOW - timedelta(days=1))
        Review.objects.update(
            verdict=ReviewVerdict.INTENT,
            intent="order_status",
            machine_could=True,
            reviewer=agent,
            answered_at=NOW,
        )
        wrong_ones = Review.objects.order_by("-id")[:wrong].values_list("pk", flat=True)
        Review.objects.filter(pk__in=list(wrong_ones)).update(intent="complaint")

    return make


def try_it(model, alpha=0.05):
    return reserve.issue(model, alpha=alpha, delta=0.05, actor=Actor.machine(), now=NOW)


def test_a_new_model_is_tested_at_once_on_people_who_are_never_trained_on(model, reviewed):
    reviewed(300)
    held = [
        r for r in Review.objects.select_related("ticket") if reserve.holds(r.ticket.requester_id)
    ]
    tried, certificate = try_it(model)
    assert 100 < tried.labelled == len(held) < 200
    assert (tried.number, tried.delta) == (1, 0.025)
    assert certificate is not None
    assert certificate.delta == 0.025
    # Who is in the reserve follows from ids; the certificate counts exactly what its threshold lets
    # through of them.
    above = [row for row in tried.sample.accepted if row.confidence >= certificate.threshold]
    assert tried.accepted == len(held)
    assert certificate.rows == len(above) > 100
    assert certificate.shares == {"order_status": 1.0}


def test_each_further_version_has_less_to_err_with(model, reviewed):
    reviewed(20)
    ReserveTrial.objects.create(classifier_version="older", number=1, at=NOW)
    first, _ = try_it(model)
    again, _ = try_it(model)
    assert (first.number, again.number) == (2, 2)
    assert first.delta == pytest.approx(0.05 / 6)
    assert ReserveTrial.objects.count() == 2
    assert ThresholdGrid.objects.filter(classifier_version="byword-1").count() == 1


def test_what_the_new_model_answers_otherwise_is_judged_by_the_same_labels(model, reviewed):
    reviewed(100, wrong=50)
    tried, certificate = try_it(model)
    assert tried.errors > 10
    assert certificate is None


def test_a_trial_without_writing_takes_no_number(model, reviewed, capsys):
    reviewed(20)
    call_command("certify", "--reserve", "--model", "byword-1", "--dry-run")
    assert "Version 1 on the reserve" in capsys.readouterr().out
    assert not ReserveTrial.objects.exists()


def test_erased_words_are_left_out(model, reviewed):
    from tickets.data.erase import erase

    reviewed(10)
    before = try_it(model)[0].labelled
    person = next(
        r.ticket.requester
        for r in Review.objects.select_related("ticket__requester")
        if reserve.holds(r.ticket.requester_id)
    )
    erase(person.email, actor=Actor.machine(), now=NOW)
    assert try_it(model)[0].labelled == before - 1
