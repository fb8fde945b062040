"""Who may do what in the console: groups with the least rights that their work needs.

`docs/roles.md` shows this table; a test compares the two.
"""

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission
from django.db import transaction

from tickets.codes import Role

OUR_APPS = ("tickets", "classification", "decisions", "metrics")

# What each right is good for, in the order in which people look for it.
WORK_ON_TICKETS = {
    "tickets.view_ticket": "Ticket list and ticket pages, with conversation, Why? and timeline",
    "tickets.change_ticket": "Reply, note, assign, move, escalate, resolve, reopen, merge, spam, "
    "correct the intent",
    "tickets.view_requester": "People who wrote, with their tickets",
    "decisions.change_review": "Review drawn tickets blind",
}
STEER_AUTOMATION = {
    "tickets.view_queue": "Queues",
    "tickets.add_queue": "Add queues",
    "tickets.change_queue": "Rename and order queues",
    "tickets.view_servicelevel": "Service levels",
    "tickets.add_servicelevel": "Add service levels",
    "tickets.change_servicelevel": "Change what is promised",
    "tickets.view_calendar": "Calendars: business hours and closing days",
    "tickets.add_calendar": "Add calendars",
    "tickets.change_calendar": "Change business hours and closing days",
    "tickets.view_outbox": "Outgoing mail and what became of it",
    "tickets.view_ticketevent": "All events",
    "tickets.view_joblease": "Background jobs",
    "tickets.share_savedview": "Share views of the ticket list with everybody",
    "classification.view_intent": "Intents",
    "classification.add_intent": "Add intents",
    "classification.change_intent": "Edit intents and their risk class",
    "classification.view_modelversion": "Model versions",
    "classification.view_promotion": "Promotions of models",
    "classification.add_promotion": "Put a model version in force, or an older one again",
    "classification.view_prediction": "Predictions",
    "decisions.view_decision": "All decisions",
    "decisions.view_override": "Overrides",
    "decisions.view_certificate": "Certificates",
    "decisions.view_review": "Blind reviews and what they say",
    "decisions.settle_review": "Settle where two reviewers differ",
    "decisions.view_policy": "Policies",
    "decisions.add_policy": "Make a draft from a policy",
    "decisions.change_policy": "Edit a draft",
    "decisions.view_intentrule": "Rules for intents",
    "decisions.add_intentrule": "Add a rule for an intent to a draft",
    "decisions.change_intentrule": "Edit a rule for an intent in a draft",
    "decisions.delete_intentrule": "Take a rule for an intent out of a draft",
    "decisions.view_escalationrule": "Escalation rules",
    "decisions.add_escalationrule": "Add an escalation rule to a draft",
    "decisions.change_escalationrule": "Edit an escalation rule in a draft",
    "decisions.delete_escalationrule": "Take an escalation rule out of a draft",
    "decisions.view_publication": "Publications",
    "decisions.add_publication": "Publish a policy",
    "decisions.view_proposal": "Who proposed a publication that takes two people",
    "decisions.view_scenario": "Scenarios that every policy has to pass",
    "decisions.add_scenario": "Keep a decision as a scenario",
    "decisions.change_scenario": "Rename a scenario, or no longer ask it",
    "decisions.view_candidate": "Candidates in the shadow and where they differ",
    "decisions.add_candidate": "Try a policy or a model in the shadow",
    "decisions.change_candidate": "Stop asking a candidate",
    "decisions.view_shadowverdict": "What candidates said",
    "decisions.view_replytemplate": "Reply templates",
    "decisions.add_replytemplate": "Write reply templates and their next versions",
    "decisions.view_switch": "Kill switch",
    "decisions.change_switch": "Turn the kill switch",
    "decisions.view_breaker": "Breakers",
    "decisions.change_breaker": "Arm a breaker again",
    "decisions.view_quarantine": "Intents in quarantine",
    "decisions.change_quarantine": "Let an intent out of quarantine",
    "metrics.view_alert": "Alerts with their history",
    "metrics.change_alert": "Acknowledge and silence alerts",
    "metrics.view_driftlook": "Drift, and messages that no intent explains",
}
RUN_THE_SITE = {
    "tickets.add_apikey": "Issue API keys",
    "tickets.change_apikey": "Change scopes and end of API keys, revoke them",
    "auth.view_user": "Accounts of staff",
    "auth.add_user": "Add accounts of staff",
    "auth.change_user": "Edit accounts of staff and give them roles",
    "auth.view_group": "Roles",
    "axes.view_accessattempt": "Failed logins",
    "axes.delete_accessattempt": "Unlock somebody who was locked out",
}
READ_PEOPLE = ("auth.view_user", "auth.view_group", "axes.view_accessattempt")

WORDS: dict[str, str] = WORK_ON_TICKETS | STEER_AUTOMATION | RUN_THE_SITE


def rights(role: Role) -> set[str]:
    """Permissions of a role, as `app.codename`. Reading everything is read from the tables."""
    if role == Role.AGENT:
        return set(WORK_ON_TICKETS)
    if role == Role.LEAD:
        return set(WORK_ON_TICKETS | STEER_AUTOMATION)
    everything = _views() | set(READ_PEOPLE)
    return everything if role == Role.AUDITOR else everything | set(WORDS)


def _views() -> set[str]:
    """The right to look at each of our tables."""
    rows = Permission.objects.filter(
        content_type__app_label__in=OUR_APPS, codename__startswith="view_"
    )
    return {
        f"{app}.{code}" for app, code in rows.values_list("content_type__app_label", "codename")
    }


@transaction.atomic
def install_roles() -> None:
    """Make the groups and give each exactly its rights. Safe to run at any time, after migrating.

    Raises:
        LookupError: a right does not exist, for example because its tables are not migrated yet.
    """
    for role in Role:
        group, _ = Group.objects.get_or_create(name=role.value)
        group.permissions.set(_permissions(rights(role)))


def _permissions(names: Iterable[str]) -> list[Permission]:
    wanted = set(names)
    apps = {name.split(".")[0] for name in wanted}
    there = Permission.objects.select_related("content_type").filter(
        content_type__app_label__in=apps
    )
    rows = [row for row in there if f"{row.content_type.app_label}.{row.codename}" in wanted]
    missing = wanted - {f"{row.content_type.app_label}.{row.codename}" for row in rows}
    if missing:
        raise LookupError(f"There is no permission {', '.join(sorted(missing))}.")
    return rows
