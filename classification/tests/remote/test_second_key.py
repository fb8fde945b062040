"""Breaker and budget of the second opinion, on a clock that the tests turn."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache

from classification.models import Intent, Prediction
from classification.remote import second_key
from classification.tests import endpoint as acts
from tickets.codes import NoIntent
from tickets.tests.factories import TicketFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TEXT = "Where is my order 10234? ann@example.com"
KEY = "sk-secret-0123456789"
DOWN = acts.body(b"", status=500)


@pytest.fixture
def server(settings):
    """An endpoint that the settings name, and two intents to choose from."""
    Intent.objects.create(slug="order_status", description="Where it is", not_this="Late: other")
    Intent.objects.create(slug="praise", description="Thanks", position=1)
    Intent.objects.create(slug="retired", description="No more", active=False)
    with acts.running() as endpoint:
        settings.LLM_URL, settings.LLM_MODEL, settings.LLM_API_KEY = endpoint.url, "small", KEY
        settings.LLM_ALLOWED_HOSTS = [acts.HOST]
        yield endpoint


def ask(now=NOW):
    return second_key.ask_many([TEXT], now=now)[0]


def failures(count, now=NOW):
    return [ask(now).failure for _ in range(count)]


def fail_until_it_rests(server):
    """When the rest begins: five failures at noon, each at once."""
    server.behave = DOWN
    assert failures(5) == ["llm_http_500"] * 5


def test_it_is_off_without_an_address(settings):
    assert (second_key.is_on(), second_key.is_required()) == (False, False)
    settings.LLM_URL = "https://llm.example"
    assert (second_key.is_on(), second_key.is_required()) == (True, True)
    settings.LLM_REQUIRED = False
    assert (second_key.is_on(), second_key.is_required()) == (True, False)


def test_the_labels_are_the_intents_in_use_with_what_they_mean(server):
    opinion = ask()
    assert (opinion.intent, opinion.failure, opinion.version) == ("order_status", None, "llm-small")
    schema = server.questions()[0]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["intent"]["enum"] == ["order_status", "praise", "out_of_scope"]
    system = server.questions()[0]["messages"][0]["content"]
    assert "- order_status: Where it is. Not this: Late: other\n- praise: Thanks\n" in system


def test_many_are_asked_at_the_same_time_and_answered_in_order(server):
    arrived = []

    def together(handler):
        arrived.append(1)
        while len(arrived) < 3 and handler.rest(0.01):
            pass  # nobody is answered before all are there
        acts.label("praise" if b"thank you" in handler.body else "order_status")(handler)

    server.behave = together
    opinions = second_key.ask_many(["where", "thank you", "when"], now=NOW)
    assert [opinion.intent for opinion in opinions] == ["order_status", "praise", "order_status"]
    assert sorted(server.texts()) == ["thank you", "when", "where"]


def test_nobody_asks_about_nothing(server):
    assert second_key.ask_many([], now=NOW) == []
    assert server.connections == 0


# --- Breaker --------------------------------------------------------------------------------------


def test_after_five_failures_in_a_row_nobody_is_asked_for_a_minute(server):
    fail_until_it_rests(server)
    assert failures(3) == ["llm_resting"] * 3
    assert failures(1, NOW + 59 * SECOND) == ["llm_resting"]
    assert len(server.asked) == 5


def test_four_failures_and_a_success_start_the_count_again(server):
    server.behave = DOWN
    failures(4)
    server.behave = acts.label("praise")
    assert failures(1) == [None]
    server.behave = DOWN
    assert failures(4) == ["llm_http_500"] * 4
    server.behave = acts.label("praise")
    assert failures(1) == [None]


def test_after_the_rest_one_trial_goes_out_and_a_success_ends_the_rest(server):
    fail_until_it_rests(server)
    server.behave = acts.label("praise")
    later = NOW + 62 * SECOND
    assert failures(3, later) == [None] * 3
    assert len(server.asked) == 8


def test_a_trial_that_fails_is_followed_by_another_rest(server):
    fail_until_it_rests(server)
    later = NOW + 62 * SECOND
    assert failures(3, later) == ["llm_http_500", "llm_resting", "llm_resting"]
    assert failures(1, later + 59 * SECOND) == ["llm_resting"]
    assert failures(1, later + 62 * SECOND) == ["llm_http_500"]
    assert len(server.asked) == 7


def test_of_many_that_wait_after_the_rest_only_one_is_the_trial(server):
    fail_until_it_rests(server)
    server.behave = acts.label("praise")
    opinions = second_key.ask_many(["a", "b", "c"], now=NOW + 62 * SECOND)
    assert [o.failure for o in opinions] == [None, "llm_resting", "llm_resting"]
    assert failures(1, NOW + 62 * SECOND) == [None]


def test_while_another_process_makes_the_trial_nobody_else_does(server):
    fail_until_it_rests(server)
    later = NOW + 62 * SECOND
    assert second_key._barred(later) is None  # somebody else, who has no answer yet
    assert failures(2, later) == ["llm_resting"] * 2
    assert len(server.asked) == 5


def test_what_the_model_makes_of_a_message_does_not_stop_asking(server):
    server.behave = acts.content("I will not answer with a label")
    assert failures(7) == ["llm_prose"] * 7
    server.behave = DOWN
    failures(4)
    server.behave = acts.label("weather")
    assert failures(1) == ["llm_unknown_label"]
    server.behave = DOWN
    assert failures(5) == ["llm_http_500"] * 5


def test_the_rest_begins_when_the_last_failure_ended(server, settings):
    settings.LLM_DEADLINE_SECONDS = 0.2
    server.behave = acts.drip(b"", b"")
    assert failures(5) == ["llm_timeout"] * 5
    assert failures(1, NOW + 60.1 * SECOND) == ["llm_resting"]


# --- Budget ---------------------------------------------------------------------------------------


def test_a_day_has_so_many_calls_and_the_next_day_has_them_again(server, settings):
    settings.LLM_CALLS_A_DAY = 2
    assert failures(4) == [None, None, "llm_budget_spent", "llm_budget_spent"]
    assert failures(1, NOW + 11 * 3600 * SECOND) == ["llm_budget_spent"]
    assert failures(3, NOW + 12 * 3600 * SECOND) == [None, None, "llm_budget_spent"]
    assert len(server.asked) == 4


def test_one_batch_does_not_exceed_the_budget(server, settings):
    settings.LLM_CALLS_A_DAY = 2
    opinions = second_key.ask_many(["a", "b", "c"], now=NOW)
    assert [o.failure for o in opinions] == [None, None, "llm_budget_spent"]
    assert sorted(server.texts()) == ["a", "b"]


def test_failed_calls_count_and_rests_do_not(server, settings):
    settings.LLM_CALLS_A_DAY = 6
    fail_until_it_rests(server)
    failures(10)
    server.behave = acts.label("praise")
    assert failures(2, NOW + 62 * SECOND) == [None, "llm_budget_spent"]


def test_a_budget_of_nothing_asks_nobody(server, settings):
    settings.LLM_CALLS_A_DAY = 0
    assert failures(1) == ["llm_budget_spent"]
    assert server.connections == 0


def test_the_count_of_a_day_outlives_the_caches_usual_patience(server, monkeypatch):
    kept = []
    real = cache.set

    def remember(key, value, timeout=None, **options):
        kept.append(timeout)
        real(key, value, timeout=timeout, **options)

    monkeypatch.setattr(cache, "set", remember)
    failures(2)
    assert kept == [2 * 24 * 60 * 60] * 2


# --- Faults of ours -------------------------------------------------------------------------------


def test_whatever_breaks_on_our_side_is_a_failure_and_no_exception(server, monkeypatch, caplog):
    def broken(*args, **options):
        raise RuntimeError(f"{KEY} {TEXT}")

    monkeypatch.setattr(cache, "get", broken)
    caplog.set_level(logging.DEBUG)
    opinions = second_key.ask_many(["a", "b"], now=NOW)
    assert [(o.intent, o.failure, o.version) for o in opinions] == [
        (None, "llm_raised", "llm-small")
    ] * 2
    assert server.connections == 0
    assert caplog.messages == ["second opinion failed: RuntimeError"]
    assert KEY not in caplog.text
    assert "10234" not in caplog.text


def test_logs_tell_the_code_of_a_failure_and_nothing_else(server, caplog):
    caplog.set_level(logging.DEBUG)
    server.behave = acts.body(f"{KEY} {TEXT}".encode(), status=500)
    failures(1)
    assert [m.partition(" after")[0] for m in caplog.messages if "second" in m] == [
        "second opinion: llm_http_500"
    ]
    assert KEY not in caplog.text
    assert "10234" not in caplog.text


# --- On record ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behave", "intent", "no_intent", "failure"),
    [
        (acts.label("praise"), "praise", None, ""),
        (acts.label("out_of_scope"), None, NoIntent.OUT_OF_SCOPE, ""),
        (DOWN, None, None, "llm_http_500"),
    ],
)
def test_an_opinion_is_kept_without_any_confidence(server, behave, intent, no_intent, failure):
    server.behave = behave
    ticket = TicketFactory()
    row = second_key.store(ask(), ticket, message_number=1, now=NOW)
    row.refresh_from_db()
    assert (row.ticket, row.round, row.message_number) == (ticket, 1, 1)
    assert (row.classifier, row.intent, row.no_intent) == ("llm-small", intent, no_intent)
    assert (row.failure, row.confidence, row.best_guess, row.margin) == (failure, None, None, None)
    assert row.milliseconds > 0


def test_numbers_of_the_own_classifier_leave_second_opinions_out(server):
    ticket = TicketFactory()
    second_key.store(ask(), ticket, message_number=1, now=NOW)
    own = Prediction.objects.create(
        ticket=ticket, round=1, classifier="linear-1", milliseconds=1, at=NOW
    )
    assert list(Prediction.objects.first_keys()) == [own]
