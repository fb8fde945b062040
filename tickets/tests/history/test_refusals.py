"""History is never changed or deleted: refused by model, QuerySet and database."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, models, transaction

from decisions.models import Candidate, EscalationRule, IntentRule, Override, Policy
from supportops.tests.clean_slate import lift_triggers
from tickets.desk import agent_actions
from tickets.history.triggers import (
    WORDS,
    guarded_tables,
    history_tables,
    install_triggers,
    missing_triggers,
)
from tickets.models import HistoryIsReadOnly, HistoryModel, TicketEvent
from tickets.tests.arriving import NOW, arrive

HISTORY = [model for model in apps.get_models() if issubclass(model, HistoryModel)]
on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="speaks of SQLite")


@pytest.fixture
def row(automating, by_agent):
    """A row of a history model: what a day's work left, or one made up for the purpose."""
    ticket = arrive()
    agent_actions.escalate(ticket.pk, actor=by_agent, now=NOW)

    def find(model: type[HistoryModel]) -> HistoryModel:
        return model.objects.first() or made_up(model)

    return find


def made_up(model: type[models.Model]) -> models.Model:
    """A row with the first thing that fits into each column; others are pointed to."""
    values = {}
    for field in model._meta.concrete_fields:
        if field.primary_key or field.null or field.has_default():
            continue
        if field.is_relation:
            other = field.related_model
            values[field.name] = other._default_manager.first() or made_up(other)
        elif isinstance(field, models.DateTimeField):
            values[field.name] = NOW
        elif field.choices:
            values[field.name] = field.choices[0][0]
        elif isinstance(field, models.CharField | models.TextField):
            values[field.name] = "x" * min(8, field.max_length or 8)
        elif isinstance(field, models.BooleanField):
            values[field.name] = False
        else:
            values[field.name] = 1
    if model is Candidate:  # a policy or a model, never both
        values |= {"policy": Policy.objects.first(), "model_version": ""}
    return model._default_manager.create(**values)


def refused_by_database(sql: str, *params) -> bool:
    with (
        pytest.raises(DatabaseError, match=WORDS),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, params)
    return True


def unchanged(row: models.Model) -> bool:
    before = {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields}
    now = type(row)._default_manager.get(pk=row.pk)
    return before == {f.attname: getattr(now, f.attname) for f in now._meta.concrete_fields}


def test_history_is_what_these_tables_hold():
    """A model that joins or leaves is thought about first."""
    assert set(history_tables()) >= {
        "tickets_ticketevent",
        "tickets_auditrecord",
        "classification_prediction",
        "classification_modelversion",
        "classification_promotion",
        "decisions_decision",
        "decisions_override",
        "decisions_certificate",
        "decisions_publication",
        "decisions_replytemplate",
    }


@pytest.mark.parametrize("model", HISTORY, ids=lambda model: model.__name__)
def test_models_refuse_update_and_delete(row, model):
    kept = row(model)
    kept = model.objects.get(pk=kept.pk)
    field = model._meta.concrete_fields[1].attname
    for attempt in (
        kept.save,
        lambda: kept.save(force_update=True),
        kept.delete,
        lambda: model.objects.filter(pk=kept.pk).update(**{field: 1}),
        lambda: model.objects.filter(pk=kept.pk).delete(),
        lambda: model.objects.all().delete(),
        lambda: model.objects.bulk_update([kept], [model._meta.concrete_fields[1].name]),
        lambda: model.objects.update_or_create(pk=kept.pk, defaults={field: 1}),
    ):
        with pytest.raises(HistoryIsReadOnly):
            attempt()
    assert unchanged(kept)


@pytest.mark.parametrize("model", HISTORY, ids=lambda model: model.__name__)
def test_the_database_refuses_update_and_delete(row, model):
    kept = model.objects.get(pk=row(model).pk)
    table = model._meta.db_table
    for column in (field.column for field in model._meta.concrete_fields):
        assert refused_by_database(
            f'UPDATE {table} SET "{column}" = "{column}" WHERE id = %s', kept.pk
        )
    assert refused_by_database(f"DELETE FROM {table} WHERE id = %s", kept.pk)
    assert refused_by_database(f"DELETE FROM {table}")
    assert unchanged(kept)


@pytest.mark.parametrize("model", HISTORY, ids=lambda model: model.__name__)
def test_ways_around_the_models_end_at_the_database(row, model):
    kept = model.objects.get(pk=row(model).pk)
    plain = models.QuerySet(model)
    field = model._meta.concrete_fields[1]
    for attempt in (
        lambda: plain.filter(pk=kept.pk).update(**{field.attname: getattr(kept, field.attname)}),
        lambda: plain.filter(pk=kept.pk).delete(),
        lambda: plain.filter(pk=kept.pk)._raw_delete(using="default"),
        lambda: models.Model.save_base(kept, raw=True),
        lambda: model.objects.bulk_create(
            [kept],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=[field.name],
        ),
    ):
        with pytest.raises(DatabaseError, match=f"{WORDS}|protected"), transaction.atomic():
            attempt()
    assert unchanged(kept)


@on_sqlite
@pytest.mark.parametrize("model", HISTORY, ids=lambda model: model.__name__)
def test_insert_or_replace_replaces_nothing(row, model):
    kept = model.objects.get(pk=row(model).pk)
    columns = ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields)
    table = model._meta.db_table
    assert refused_by_database(
        f"INSERT OR REPLACE INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE id = %s",
        kept.pk,
    )
    assert unchanged(kept)


@pytest.mark.postgres
@pytest.mark.parametrize("model", HISTORY, ids=lambda model: model.__name__)
def test_truncate_is_refused(row, model):
    kept = model.objects.get(pk=row(model).pk)
    connection.check_constraints()  # what waits for the end of the transaction would refuse it too
    assert refused_by_database(f"TRUNCATE {model._meta.db_table} CASCADE")
    assert unchanged(kept)


def test_a_row_with_a_taken_number_is_refused(row):
    kept = row(TicketEvent)
    twin = TicketEvent(pk=kept.pk, ticket=kept.ticket, kind=kept.kind, actor_kind="person", at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save()
    assert unchanged(TicketEvent.objects.get(pk=kept.pk))


# --- Policies freeze with their publication -------------------------------------------------------


@pytest.mark.parametrize("model", [IntentRule, EscalationRule])
def test_rules_of_a_published_policy_neither_change_nor_go_nor_come(starter, model):
    published = Policy.objects.get()
    rule = model.objects.filter(policy=published).first()
    table = model._meta.db_table
    columns = [field.column for field in model._meta.concrete_fields if not field.primary_key]
    listed = ", ".join(f'"{column}"' for column in columns)
    named = "slug" if model is EscalationRule else "intent"
    twin = listed.replace(f'"{named}"', "'newcomer'")
    assert refused_by_database(f"UPDATE {table} SET queue = 'x' WHERE id = %s", rule.pk)
    assert refused_by_database(f"DELETE FROM {table} WHERE id = %s", rule.pk)
    assert refused_by_database(
        f"INSERT INTO {table} ({listed}) SELECT {twin} FROM {table} WHERE id = %s", rule.pk
    )
    for attempt in (rule.save, rule.delete):
        with pytest.raises(HistoryIsReadOnly):
            attempt()
    assert published.snapshot().digest() == published.digest


@pytest.mark.parametrize("model", [IntentRule, EscalationRule])
def test_a_draft_changes_as_long_as_it_is_one(starter, model):
    draft = Policy.objects.create(number=2, name="Draft", created_at=NOW)
    values = {"slug": "x", "conditions": [{"fact": "length", "operator": ">", "value": 1}]}
    rule = model.objects.create(
        policy=draft, **(values if model is EscalationRule else {"intent": "praise"})
    )
    rule.queue = "sales"
    rule.save()
    assert refused_by_database(
        f"UPDATE {model._meta.db_table} SET policy_id = %s WHERE id = %s",
        Policy.objects.get(number=1).pk,
        rule.pk,
    )
    assert unchanged(rule)
    rule.delete()
    draft.delete()


def test_a_published_policy_stays_published(starter):
    policy = Policy.objects.get()
    assert refused_by_database("UPDATE decisions_policy SET published = %s", False)
    assert refused_by_database("DELETE FROM decisions_policy WHERE id = %s", policy.pk)
    assert unchanged(policy)


# --- The triggers are there, and come back --------------------------------------------------------


def all_names() -> set[str]:
    lift_triggers()
    names = set(missing_triggers())
    install_triggers()
    return names


def test_every_guarded_table_has_its_triggers(db):
    assert missing_triggers() == []
    names = all_names()
    for table in guarded_tables(connection):
        assert {f"keep_{table}_update", f"keep_{table}_delete"} <= names


def test_missing_triggers_are_named_and_put_back(db):
    on = "" if connection.vendor == "sqlite" else " ON tickets_ticketevent"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER keep_tickets_ticketevent_delete{on}")
    assert missing_triggers() == ["keep_tickets_ticketevent_delete"]
    install_triggers()
    assert missing_triggers() == []


@pytest.mark.postgres
def test_a_trigger_that_was_disabled_is_as_good_as_missing(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE tickets_ticketevent DISABLE TRIGGER keep_tickets_ticketevent_update"
        )
    assert missing_triggers() == ["keep_tickets_ticketevent_update"]


def test_installing_twice_is_once(row):
    install_triggers(), install_triggers()
    assert missing_triggers() == []
    assert refused_by_database("DELETE FROM tickets_ticketevent")


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_a_table_that_sqlite_rebuilt_is_guarded_again_after_the_migrations(automating):
    """Adding a constraint copies the table, which loses its triggers."""
    arrive()
    constraint = models.CheckConstraint(condition=models.Q(round__gte=0), name="for_this_test")
    with connection.schema_editor() as editor:
        editor.add_constraint(TicketEvent, constraint)
    try:
        assert missing_triggers() == [
            "keep_tickets_ticketevent_update",
            "keep_tickets_ticketevent_delete",
        ]
        call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
        assert missing_triggers() == []
        assert refused_by_database("DELETE FROM tickets_ticketevent")
    finally:
        with connection.schema_editor() as editor:
            editor.remove_constraint(TicketEvent, constraint)
        install_triggers()


def test_overrides_point_to_history_that_stays(row):
    override = row(Override)
    with pytest.raises(HistoryIsReadOnly):
        override.decision.delete()
