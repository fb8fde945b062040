"""Who may do what: every page and every action of the console, for every role."""

import re

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from classification.models import Intent, ModelVersion, Promotion
from decisions.models import (
    Breaker,
    Candidate,
    Certificate,
    Decision,
    Override,
    Policy,
    Publication,
    Quarantine,
    ReplyTemplate,
    Review,
    Scenario,
    Switch,
)
from metrics.models import Alert, AlertEvent
from metrics.tests.factories import AlertFactory, DriftLookFactory
from supportops.console import roles
from tickets.admin.ticket.actions import ACTIONS
from tickets.codes import Role
from tickets.desk import agent_actions
from tickets.history.record import Actor
from tickets.models import ApiKey, JobLease, Queue, Ticket
from tickets.tests.at_work import all_rows, as_user, write_in
from tickets.tests.visiting import certify

pytestmark = pytest.mark.django_db

AGENT, LEAD, AUDITOR, ADMINISTRATOR = Role
EVERYBODY = frozenset(Role)
ABOVE_AGENTS = EVERYBODY - {AGENT}
WORKERS = EVERYBODY - {AUDITOR}
STEERING = frozenset({LEAD, ADMINISTRATOR})
READERS = frozenset({AUDITOR, ADMINISTRATOR})
ADMINS = frozenset({ADMINISTRATOR})
ALLOWED, REFUSED = {200, 302, 422}, 403

# Table -> who may look at its list and its rows.
LOOKING = {
    "tickets.ticket": EVERYBODY,
    "tickets.requester": EVERYBODY,
    "tickets.queue": ABOVE_AGENTS,
    "tickets.outbox": ABOVE_AGENTS,
    "tickets.ticketevent": ABOVE_AGENTS,
    "tickets.joblease": ABOVE_AGENTS,
    "tickets.auditrecord": READERS,
    "tickets.apikey": READERS,
    "tickets.calendar": ABOVE_AGENTS,
    "tickets.servicelevel": ABOVE_AGENTS,
    "classification.intent": ABOVE_AGENTS,
    "classification.modelversion": ABOVE_AGENTS,
    "classification.promotion": ABOVE_AGENTS,
    "classification.prediction": ABOVE_AGENTS,
    "decisions.policy": ABOVE_AGENTS,
    "decisions.publication": ABOVE_AGENTS,
    "decisions.scenario": ABOVE_AGENTS,
    "decisions.candidate": ABOVE_AGENTS,
    "decisions.replytemplate": ABOVE_AGENTS,
    "decisions.decision": ABOVE_AGENTS,
    "decisions.override": ABOVE_AGENTS,
    "decisions.certificate": ABOVE_AGENTS,
    "decisions.review": ABOVE_AGENTS,
    "decisions.breaker": ABOVE_AGENTS,
    "decisions.quarantine": ABOVE_AGENTS,
    "decisions.switch": ABOVE_AGENTS,
    "metrics.alert": ABOVE_AGENTS,
    "metrics.driftlook": ABOVE_AGENTS,
    "auth.user": READERS,
    "auth.group": READERS,
    "axes.accessattempt": READERS,
}
# Table -> who may add to it by a form.
ADDING = {
    "tickets.queue": STEERING,
    "tickets.calendar": STEERING,
    "tickets.servicelevel": STEERING,
    "tickets.apikey": ADMINS,
    "classification.intent": STEERING,
    "decisions.replytemplate": STEERING,
    "auth.user": ADMINS,
}
# Table -> who may change its rows by a form.
CHANGING = {
    "tickets.queue": STEERING,
    "tickets.apikey": ADMINS,
    "tickets.calendar": STEERING,
    "tickets.servicelevel": STEERING,
    "classification.intent": STEERING,
    "decisions.replytemplate": STEERING,
    "decisions.scenario": STEERING,
    "auth.user": ADMINS,
}


@pytest.fixture
def rows(starter, says, person):
    """A row in each table that has a page."""
    says("order_status", confidence=0.97)
    certify("order_status")
    ticket = write_in()
    mia = person(LEAD, username="mia")
    agent_actions.correct_intent(
        ticket.pk, "praise", actor=Actor.person(mia), now=timezone.now(), machine_was_wrong=True
    )
    now = timezone.now()
    model = ModelVersion.objects.create(
        version="linear-1",
        classifier="linear",
        manifest_sha256="0" * 64,
        training_rows=1,
        training_sha256="0" * 64,
        trained_at=now,
    )
    Promotion.objects.create(model=model, reason="Trained", at=now)
    Review.objects.update(verdict="none", reviewer=mia, answered_at=now)
    Breaker.objects.update_or_create(
        intent="order_status", defaults={"open": True, "changed_at": now}
    )
    Switch.objects.create(pk=1, changed_at=now)
    JobLease.objects.create(name="sweep", due_at=now)
    ApiKey.issue(name="shop", scopes=["tickets:read"])
    AlertFactory()
    DriftLookFactory()
    from axes.models import AccessAttempt

    Quarantine.objects.create(
        intent="order_status",
        classifier_version="scripted-1",
        alpha=0.02,
        delta=0.05,
        rows=83,
        errors=9,
        sample_digest="0" * 64,
        at=timezone.now(),
    )
    Candidate.objects.create(kind="policy", policy=Policy.objects.get(), started_at=now)
    Scenario.objects.create(
        name="An order", facts={}, outcome="escalate", active=False, created_at=now
    )
    AccessAttempt.objects.create(username="x", ip_address="192.0.2.1", failures_since_start=3)
    return ticket


def everything() -> list:
    """What a refusal must leave alone, beside what stands on tickets."""
    models = (
        Intent,
        Queue,
        ApiKey,
        Policy,
        Publication,
        ReplyTemplate,
        Switch,
        Breaker,
        Quarantine,
        Certificate,
        Candidate,
        Scenario,
        Promotion,
        Group,
        Alert,
        AlertEvent,
    )
    users = list(User.objects.order_by("pk").values("pk", "username", "is_superuser", "is_active"))
    return [
        *all_rows(),
        users,
        *(list(model.objects.order_by("pk").values()) for model in models),
    ]


def address(table: str, page: str, *keys) -> str:
    return reverse(f"admin:{table.replace('.', '_')}_{page}", args=keys)


def row_of(table: str):
    app, name = table.split(".")
    model = next(
        m for m in admin.site._registry if (m._meta.app_label, m._meta.model_name) == (app, name)
    )
    return model._default_manager.order_by("-pk").first()


@pytest.mark.parametrize("role", Role)
def test_each_role_sees_its_lists_and_rows_and_no_others(rows, person, role):
    client = as_user(person(role))
    seen, asked = {}, {}
    for table, allowed in LOOKING.items():
        listed = client.get(address(table, "changelist")).status_code
        shown = client.get(address(table, "change", row_of(table).pk)).status_code
        seen[table] = (listed, shown)
        asked[table] = (200, 200) if role in allowed else (REFUSED, REFUSED)
    assert seen == asked


@pytest.mark.parametrize("role", Role)
def test_each_role_adds_only_where_it_may(rows, person, role):
    client = as_user(person(role))
    before = everything()
    got = {table: client.get(address(table, "add")).status_code for table in LOOKING}
    wanted = {
        table: 200 if role in ADDING.get(table, frozenset()) else REFUSED for table in LOOKING
    }
    assert got == wanted
    for table in LOOKING:
        if role not in ADDING.get(table, frozenset()):
            response = client.post(address(table, "add"), {"name": "x", "slug": "x"})
            assert response.status_code == REFUSED, table
    assert everything() == before


@pytest.mark.parametrize("role", Role)
def test_each_role_changes_only_what_it_may(rows, person, role):
    client = as_user(person(role))
    before = everything()
    for table in LOOKING:
        if role in CHANGING.get(table, frozenset()):
            continue
        response = client.post(
            address(table, "change", row_of(table).pk), {"name": "Eve", "reason": "Eve"}
        )
        # A ticket's page takes no form at all, whoever sends it.
        refused = {405} if table == "tickets.ticket" else {REFUSED}
        assert response.status_code in refused, table
    assert everything() == before


@pytest.mark.parametrize("role", Role)
def test_nobody_deletes_anything_but_a_lock(rows, person, role):
    client = as_user(person(role))
    before = everything()
    for table in LOOKING:
        response = client.post(address(table, "delete", row_of(table).pk), {"post": "yes"})
        unlocks = table == "axes.accessattempt" and role == ADMINISTRATOR
        assert response.status_code == (302 if unlocks else REFUSED), table
    assert everything() == before


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_only_those_who_work_on_tickets_act_on_them(rows, person, role, name):
    client = as_user(person(role))
    before = everything()
    response = client.post(reverse("admin:tickets_ticket_act", args=[rows.pk, name]), {})
    if role in WORKERS:
        assert response.status_code in ALLOWED
    else:
        assert response.status_code == REFUSED
        assert everything() == before


STEPS = {
    "draft": (lambda: address("decisions.policy", "draft", Policy.objects.get().pk), STEERING),
    "publish": (
        lambda: address("decisions.policy", "publish", Policy.objects.get().pk),
        STEERING,
    ),
    "switch": (lambda: reverse("admin:decisions_switch_turn"), STEERING),
    "arm": (
        lambda: reverse("admin:decisions_breaker_arm", args=[Breaker.objects.get(open=True).pk]),
        STEERING,
    ),
    "lift": (
        lambda: reverse("admin:decisions_quarantine_lift", args=[Quarantine.objects.get().pk]),
        STEERING,
    ),
    "acknowledge": (lambda: reverse("admin:alert_take", args=[Alert.objects.get().pk]), STEERING),
    "silence": (lambda: reverse("admin:alert_silence", args=[Alert.objects.get().pk]), STEERING),
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("step", STEPS)
def test_only_leads_and_administrators_steer(rows, person, role, step):
    where, allowed = STEPS[step]
    client = as_user(person(role))
    before = everything()
    response = client.post(where(), {"reason": "Because", "on": "yes"})
    if role in allowed:
        assert response.status_code == 302
        assert everything() != before
    else:
        assert response.status_code == REFUSED
        assert everything() == before


@pytest.mark.parametrize("role", Role)
def test_the_menu_holds_what_the_role_may_open_and_nothing_else(rows, person, role):
    client = as_user(person(role))
    menu = client.get("/ops/").context["sidebar_navigation"]
    links = {item["link"].partition("?")[0] for group in menu for item in group["items"]}
    opened = {address(table, "changelist") for table, allowed in LOOKING.items() if role in allowed}
    review = {reverse("admin:decisions_review_next")} if role in WORKERS else set()
    overview = {reverse("automation")} if role in LOOKING["decisions.policy"] else set()
    assert links == opened | review | overview | {"/ops/"}


def test_every_registered_table_stands_in_the_matrix():
    registered = {f"{m._meta.app_label}.{m._meta.model_name}" for m in admin.site._registry}
    assert registered == set(LOOKING)


@pytest.mark.parametrize("path", ["/ops/", "/ops/tickets/ticket/", "/ops/decisions/policy/"])
def test_strangers_are_asked_to_log_in(rows, path):
    response = Client().get(path)
    assert (response.status_code, response.url) == (302, f"/ops/login/?next={path}")


def test_strangers_do_nothing(rows):
    before = everything()
    for name in ACTIONS:
        response = Client().post(reverse("admin:tickets_ticket_act", args=[rows.pk, name]), {})
        # Where something was typed, a page keeps it for after the login.
        kept = name in {"reply", "note"}
        assert response.status_code == (401 if kept else 302)
        assert "/ops/login/" in (response.content.decode() if kept else response.url)
    for where, _ in STEPS.values():
        assert Client().post(where(), {"reason": "x", "on": "yes"}).url.startswith("/ops/login/")
    assert everything() == before


def test_an_account_without_a_role_sees_an_empty_console(rows):
    client = as_user(User.objects.create_user("new", is_staff=True))
    assert client.get("/ops/").status_code == 200
    for table in LOOKING:
        assert client.get(address(table, "changelist")).status_code == REFUSED


def test_somebody_who_left_gets_no_further(rows, agent):
    client = as_user(agent)
    User.objects.filter(pk=agent.pk).update(is_active=False)
    assert client.get("/ops/").status_code == 302


# --- Accounts -------------------------------------------------------------------------------------


def test_an_administrator_adds_somebody_with_a_role(rows, administrator):
    role = Group.objects.get(name="Agent")
    response = as_user(administrator).post(
        "/ops/auth/user/add/",
        {
            "username": "nia",
            "first_name": "Nia",
            "last_name": "North",
            "groups": [role.pk],
            "password1": "a-long-one-7719",
            "password2": "a-long-one-7719",
        },
    )
    assert response.status_code == 302
    user = User.objects.get(username="nia")
    assert (user.is_staff, user.is_superuser, list(user.groups.all())) == (True, False, [role])


def test_an_administrator_gives_nobody_rights_without_limits(rows, administrator, agent):
    as_user(administrator).post(
        f"/ops/auth/user/{agent.pk}/change/",
        {"username": "agent", "is_active": "on", "is_superuser": "on", "user_permissions": [1]},
    )
    agent.refresh_from_db()
    assert not agent.is_superuser
    assert agent.user_permissions.count() == 0


@pytest.mark.parametrize("page", ["change/", "password/"])
def test_an_administrator_does_not_touch_an_account_without_limits(rows, administrator, page):
    root = User.objects.create_superuser("root", password="before-7719-before")
    before = User.objects.filter(pk=root.pk).values().get()
    response = as_user(administrator).post(
        f"/ops/auth/user/{root.pk}/{page}",
        {"username": "mine", "password1": "after-7719-after", "password2": "after-7719-after"},
    )
    assert response.status_code == REFUSED
    assert User.objects.filter(pk=root.pk).values().get() == before


# --- Installing -----------------------------------------------------------------------------------


def held_by(role: Role) -> set[str]:
    rows = Group.objects.get(name=role).permissions
    return {
        f"{app}.{code}" for app, code in rows.values_list("content_type__app_label", "codename")
    }


def test_installing_again_changes_nothing(db):
    roles.install_roles()
    before = {role: held_by(role) for role in Role}
    roles.install_roles()
    assert {role: held_by(role) for role in Role} == before
    assert Group.objects.count() == len(Role)


def test_installing_takes_back_what_does_not_belong(db):
    roles.install_roles()
    stray = Permission.objects.get(codename="delete_user")
    Group.objects.get(name="Agent").permissions.add(stray)
    roles.install_roles()
    assert held_by(AGENT) == roles.rights(AGENT)
    assert "auth.delete_user" not in held_by(AGENT)


def test_a_right_that_does_not_exist_is_named_and_nothing_installed(db, monkeypatch):
    monkeypatch.setitem(roles.WORK_ON_TICKETS, "tickets.fly_ticket", "Fly")
    with pytest.raises(LookupError, match=r"tickets\.fly_ticket"):
        roles.install_roles()
    assert not Group.objects.exists()


def test_auditors_hold_the_right_to_look_and_no_other(db):
    roles.install_roles()
    held = held_by(AUDITOR)
    assert {name for name in held if not re.fullmatch(r"\w+\.view_\w+", name)} == set()
    assert roles._views() <= held


def test_leads_hold_what_agents_hold_and_administrators_everything(db):
    roles.install_roles()
    assert held_by(AGENT) < held_by(LEAD) < held_by(ADMINISTRATOR)
    assert held_by(AUDITOR) < held_by(ADMINISTRATOR)


def test_nobody_may_delete_but_for_drafts_and_locks(db):
    roles.install_roles()
    deleting = {name for role in Role for name in held_by(role) if ".delete_" in name}
    assert deleting == {
        "decisions.delete_intentrule",
        "decisions.delete_escalationrule",
        "axes.delete_accessattempt",
    }


def _as_markdown():
    """The table of roles and rights, as it stands in the documentation."""
    held = {role: roles.rights(role) for role in Role}
    lines = [
        "| right | what it opens | " + " | ".join(role.value for role in Role) + " |",
        "|---|---|" + ":-:|" * len(Role),
        *(
            _markdown_row(f"`{name}`", words, [name in held[role] for role in Role])
            for name, words in roles.WORDS.items()
        ),
        _markdown_row(
            "every other `view_…`",
            "Looking at everything else",
            [held[role] >= roles._views() for role in Role],
        ),
    ]
    return "\n".join(lines) + "\n"


def _markdown_row(right, words, marks):
    return f"| {right} | {words} | " + " | ".join("yes" if mark else "–" for mark in marks) + " |"


def test_the_documentation_shows_the_table_as_it_is(db):
    text = (settings.BASE_DIR / "docs" / "roles.md").read_text(encoding="utf-8")
    assert _as_markdown() in text


def test_the_last_rows_are_still_there(rows):
    """The matrix is about rows that exist: a table without one would prove nothing."""
    for table in LOOKING:
        assert row_of(table) is not None, table
    assert (Ticket.objects.count(), Decision.objects.count(), Override.objects.count()) == (1, 1, 1)
