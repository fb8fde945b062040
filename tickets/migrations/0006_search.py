"""The index of words. No table of a model: each database has its own kind."""

from django.db import migrations

SQLITE = (
    # The words come folded and separated, so the plainest tokenizer does. The beginnings of words
    # are indexed as well: a search for one then runs in the order of the keys, like that for a
    # whole word, instead of collecting all hits first.
    "CREATE VIRTUAL TABLE tickets_search USING fts5("
    "words, tokenize = 'ascii', detail = none, columnsize = 0, prefix = '3 4 5 6 7 8')"
)
POSTGRESQL = (
    "CREATE TABLE tickets_search (ticket_id bigint PRIMARY KEY, words tsvector NOT NULL)",
    "CREATE INDEX tickets_search_words ON tickets_search USING gin (words)",
)


def create(apps, schema_editor):
    statements = [SQLITE] if schema_editor.connection.vendor == "sqlite" else POSTGRESQL
    for statement in statements:
        schema_editor.execute(statement)


def drop(apps, schema_editor):
    schema_editor.execute("DROP TABLE tickets_search")


class Migration(migrations.Migration):
    dependencies = [("tickets", "0005_index_running_targets")]

    operations = [migrations.RunPython(create, drop)]
