"""What every test may use: rows to start with, a classifier that says what it is told, people.

Tests that need a service are marked `postgres`, `redis` or `browser`. Where the service is absent
they are skipped with a reason; with CI=true they fail instead, so that nothing is left out unseen.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import hypothesis
import hypothesis.configuration
import psycopg
import pytest
import redis
from django.conf import settings as django_settings
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db import transaction
from django.test import TransactionTestCase
from django.utils import timezone

from classification import services as classification
from classification.contract import Explanation, Prediction
from classification.models import Intent
from classification.training import starter_intents
from decisions.policies import starter as starter_policy
from supportops.console.roles import install_roles
from supportops.tests import clean_slate
from supportops.tests.clean_slate import lift_triggers
from tickets.codes import NoIntent, Role, Scope
from tickets.models import ApiKey

# Nothing is left behind: what Hypothesis keeps goes with the directory of this run.
hypothesis.configuration.set_hypothesis_home_dir(django_settings.DATA_DIR / "hypothesis")

# CI asks the same questions each time, so that what it refuses is the change and not the draw; a
# developer's machine goes on looking for new ones.
hypothesis.settings.register_profile("ci", derandomize=True)
hypothesis.settings.register_profile("developer", print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "developer")

LOCAL_POSTGRES = "postgres://postgres@127.0.0.1:5432/test"
LOCAL_REDIS = "redis://127.0.0.1:6379"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


# --- Services outside the process -----------------------------------------------------------------


def on_postgres() -> bool:
    """Whether the suite's own database is PostgreSQL."""
    return os.environ.get("DATABASE_URL", "").startswith(("postgres://", "postgresql://"))


@lru_cache
def why_no_postgres() -> str | None:
    """None where a PostgreSQL server answers, else what it said."""
    url = os.environ["DATABASE_URL"] if on_postgres() else LOCAL_POSTGRES
    try:
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.OperationalError as error:
        return f"PostgreSQL is absent: {str(error).splitlines()[0]}"
    return None


@lru_cache
def why_no_redis() -> str | None:
    """None where a Redis server answers, else what it said."""
    try:
        with redis.Redis.from_url(LOCAL_REDIS, socket_connect_timeout=3) as server:
            server.ping()
    except redis.RedisError as error:
        return f"Redis is absent: {error}"
    return None


@lru_cache
def why_no_browser() -> str | None:
    """None where a Chromium is installed."""
    if any(shutil.which(name) for name in BROWSERS):
        return None
    return f"no browser is installed: none of {', '.join(BROWSERS)}"


SERVICES = {"postgres": why_no_postgres, "redis": why_no_redis, "browser": why_no_browser}


def pytest_unconfigure():
    """The settings made a directory for this process alone."""
    shutil.rmtree(django_settings.DATA_DIR, ignore_errors=True)


def pytest_collection_modifyitems(items):
    """What the browser itself does wrong, and nothing else, gets a second try."""
    for item in items:
        if item.get_closest_marker("browser") is not None:
            item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=["playwright._impl._errors"]))
        if _says_the_same_on_any_database(item):
            item.add_marker(pytest.mark.one_database)


def _says_the_same_on_any_database(item) -> bool:
    """Pages in a browser, and whatever opens no connection of the suite's own."""
    if item.get_closest_marker("postgres") is not None:
        return False
    touches_rows = {"db", "transactional_db"} & set(item.fixturenames)
    touches_rows = touches_rows or item.get_closest_marker("django_db") is not None
    return item.get_closest_marker("browser") is not None or not touches_rows


def pytest_runtest_setup(item):
    for name, why_not in SERVICES.items():
        if item.get_closest_marker(name) is None:
            continue
        reason = why_not()
        if reason is not None and os.environ.get("CI") == "true":
            pytest.fail(f"{reason}; CI leaves no test out", pytrace=False)
        if reason is not None:
            pytest.skip(reason)
        if name == "postgres" and not on_postgres() and "postgres_url" not in item.fixturenames:
            pytest.skip(f"this run is on SQLite; PostgreSQL: DATABASE_URL={LOCAL_POSTGRES}")


@pytest.fixture
def postgres_url(request):
    """Address of an empty database on the PostgreSQL server, dropped after the test."""
    url = os.environ["DATABASE_URL"] if on_postgres() else LOCAL_POSTGRES
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    name = f"scratch_{os.getpid()}_{worker}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}"')
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def redis_url(request):
    """Address of an empty Redis database that no other test process uses."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "gw0")
    url = f"{LOCAL_REDIS}/{8 + int(worker.removeprefix('gw')) % 8}"
    with redis.Redis.from_url(url) as server:
        server.flushdb()
        yield url
        server.flushdb()


# --- Between tests --------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def history_can_be_flushed():
    """Tests with real transactions flush all tables; triggers that keep history would refuse it.

    What the flush emits when it is done installs them again.
    """
    flush = TransactionTestCase._fixture_teardown

    def lift_and_flush(case):
        with transaction.atomic():  # some hundred statements, one wait for the disk
            lift_triggers()
            clean_slate.empty_search()
            flush(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lift_and_flush)
        yield


@pytest.fixture(autouse=True)
def nothing_remembered():
    """What a process keeps in memory belongs to rows of another test."""
    clean_slate.forget_policy()
    clean_slate.forget_tested()
    clean_slate.forget_loaded()
    cache.clear()


# --- Rows to start with ---------------------------------------------------------------------------


@pytest.fixture
def starter(db):
    """Intents, queues, hours, reply templates and the starter policy, as in a fresh install."""
    starter_intents.install_intents()
    starter_policy.install_starter(timezone.now())


@pytest.fixture
def person(db) -> Callable[..., User]:
    """Makes somebody of the staff: `person(Role.AGENT)`, `person(Role.LEAD, username="mia")`."""
    install_roles()

    def make(role: Role, *, username: str | None = None) -> User:
        user = User.objects.create_user(username or role.value.lower(), is_staff=True)
        user.groups.add(Group.objects.get(name=role.value))
        return user

    return make


@pytest.fixture
def agent(person):
    return person(Role.AGENT)


@pytest.fixture
def lead(person):
    return person(Role.LEAD)


@pytest.fixture
def auditor(person):
    return person(Role.AUDITOR)


@pytest.fixture
def administrator(person):
    return person(Role.ADMINISTRATOR)


@pytest.fixture
def issue_key(db) -> Callable[..., str]:
    """Makes an API key and returns it: `issue_key(Scope.TICKETS_WRITE, name="shop")`."""

    def make(*scopes: Scope, name: str = "test") -> str:
        return ApiKey.issue(name=name, scopes=scopes)[1]

    return make


@pytest.fixture
def api_key(issue_key) -> str:
    """A key with every scope."""
    return issue_key(*Scope)


# --- The classifier -------------------------------------------------------------------------------


@dataclass
class Scripted:
    """A classifier that says what the test told it, and remembers what it was asked."""

    prediction: Prediction | None
    raises: Exception | None
    version: str

    def __post_init__(self):
        self.classes_ = (self.prediction.best_guess,) if self.prediction else ()
        self.asked: list[str] = []

    def predict(self, texts):
        self.asked += texts
        if self.raises is not None:
            raise self.raises
        return [self.prediction] * len(texts)

    def explain(self, text, *, nearest=5):
        if self.raises is not None:
            raise self.raises
        return Explanation(terms=(), nearest=())


@pytest.fixture
def says(db, monkeypatch) -> Callable[..., Scripted]:
    """Makes the classifier in force say something, until it is told otherwise.

    `says("order_status", confidence=0.97, margin=0.9)`, `says(None, reason=NoIntent.AMBIGUOUS)`,
    `says(raises=RuntimeError())`. `risk` stands for the intent's risk class where no row has one.
    """

    def say(
        intent: str | None = "order_status",
        *,
        confidence: float = 0.97,
        margin: float = 0.9,
        runner_up: str | None = "delivery_problem",
        best_guess: str = "order_status",
        reason: NoIntent | None = None,
        language: str | None = "en",
        risk: str | None = "open",
        version: str = "scripted-1",
        raises: Exception | None = None,
    ) -> Scripted:
        if intent is None and reason is None:
            reason = NoIntent.OUT_OF_SCOPE
        prediction = Prediction(
            intent=intent,
            reason=reason,
            confidence=confidence,
            best_guess=intent or best_guess,
            runner_up=runner_up,
            margin=margin,
            alternatives=((intent or best_guess, confidence),),
            language=language,
            parts=1,
        )
        scripted = Scripted(None if raises else prediction, raises, version)
        risks = {intent: risk} if intent else {}
        risks |= dict(Intent.objects.filter(active=True).values_list("slug", "risk"))
        serving = classification._Serving(classifier=scripted, risks=risks)
        monkeypatch.setattr(classification, "_current", lambda: serving)
        return scripted

    return say
