"""The settings file against what it promises: strict, complete, and true of a live connection."""

import ast
import os
import re
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

from supportops.operations.doctor import PRAGMAS

SOURCE = settings.BASE_DIR / "supportops" / "settings.py"
KEY = "k" * 50
SOUND = {
    "SECRET_KEY": KEY,
    "ALLOWED_HOSTS": "help.example.com",
    "PUBLIC_URL": "https://help.example.com",
}


def variables_read():
    """Names of variables that settings.py asks the environment for."""
    tree = ast.parse(SOURCE.read_text())
    readers = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.args.args[0].arg == "name"
    } | {"os.environ.get"}
    return {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in readers
        and isinstance(node.args[0], ast.Constant)
    }


def example():
    """Variable -> value as shown in .env.example, commented out or not."""
    lines = (settings.BASE_DIR / ".env.example").read_text().splitlines()
    pairs = [re.fullmatch(r"#?([A-Z][A-Z0-9_]*)=(.*)", line) for line in lines]
    return {pair[1]: pair[2] for pair in pairs if pair}


def load(expression, **environment):
    """What a fresh process with these variables alone answers, or the end of its complaint."""
    empty = dict.fromkeys(variables_read(), "")
    code = f"from supportops import settings; print({expression})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(settings.DATA_DIR)} | empty | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return (done.stdout or done.stderr).strip().splitlines()[-1]


def test_the_example_lists_exactly_what_is_read():
    assert set(example()) == variables_read()


def test_nobody_else_reads_the_environment():
    ours = ("supportops", "tickets", "classification", "decisions", "metrics")
    readers = [
        str(path.relative_to(settings.BASE_DIR))
        for app in ours
        for path in (settings.BASE_DIR / app).rglob("*.py")
        if not {"tests", "benchmarks"} & set(path.parts)
        and re.search(r"os\.(environ\b|getenv)", path.read_text())
    ]
    # The others hand the environment on, or name the settings module.
    assert sorted(readers) == [
        "supportops/background/celery.py",
        "supportops/operations/backup.py",
        "supportops/operations/gunicorn.py",
        "supportops/operations/serve.py",
        "supportops/settings.py",
        "supportops/wsgi.py",
    ]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"SECRET_KEY": ""}, "SECRET_KEY must be set"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"PUBLIC_URL": "help.example.com"}, "PUBLIC_URL"),
        ({"PUBLIC_URL": "http://help.example.com"}, "PUBLIC_URL"),
        ({"PUBLIC_URL": "http://localhost:99999"}, "PUBLIC_URL"),
        ({"PUBLIC_URL": "http://localhost:abc"}, "PUBLIC_URL"),
        ({"PUBLIC_URL": "http://localhost:0"}, "PUBLIC_URL"),
        ({"PUBLIC_URL": "http://[::1"}, "PUBLIC_URL"),
        ({"DEBUG": "maybe"}, "DEBUG"),
        ({"HSTS_SECONDS": "-1"}, "HSTS_SECONDS"),
        ({"WEB_WORKERS": "0"}, "WEB_WORKERS"),
        ({"SILENT_DAYS": "seven"}, "SILENT_DAYS"),
        ({"TRUSTED_PROXIES": "10.0.0.0/33"}, "TRUSTED_PROXIES"),
        ({"CACHE_URL": "memcached://x"}, "CACHE_URL"),
        ({"CLASSIFIER": "oracle"}, "CLASSIFIER"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"),
        ({"LLM_URL": "llm.example.com", "LLM_MODEL": "m"}, "LLM_URL"),
        ({"LLM_URL": "http://llm.example.com/v1", "LLM_MODEL": "m"}, "LLM_URL"),
        ({"LLM_URL": "https://llm.example.com/v1"}, "LLM_MODEL"),
        ({"LLM_URL": "https://a.example", "LLM_MODEL": "m", "LLM_DEADLINE_SECONDS": "61"}, "LLM_D"),
        ({"LLM_CALLS_A_DAY": "many"}, "LLM_CALLS_A_DAY"),
        ({"LLM_REQUIRED": "perhaps"}, "LLM_REQUIRED"),
        ({"FORM_RATE": "20 per hour"}, "FORM_RATE"),
        ({"API_RATE": "0/min"}, "API_RATE"),
        ({"FORM_FIELDS": "phone"}, "FORM_FIELDS"),
        ({"FORM_FIELDS": "Phone number=Telephone"}, "FORM_FIELDS"),
        ({"FORM_FIELDS": "message=Another message"}, "FORM_FIELDS"),
    ],
)
def test_an_unsafe_or_unreadable_value_stops_the_start_and_is_named(wrong, named):
    complaint = load("'started'", **{**SOUND, **wrong})
    assert complaint.startswith("django.core.exceptions.ImproperlyConfigured: " + named)


@pytest.mark.parametrize(
    ("given", "used"), [("", "the one in the file" + "k" * 40), ("e" * 50, "e" * 50)]
)
def test_a_key_in_the_data_directory_counts_where_none_is_set(given, used, tmp_path):
    (tmp_path / "secret.key").write_text("the one in the file" + "k" * 40 + "\n")
    own = {"SECRET_KEY": given, "DATA_DIR": str(tmp_path)}
    assert load("settings.SECRET_KEY", **{**SOUND, **own}) == used


@pytest.mark.parametrize("kept", ["", "k" * 49 + "\n"])
def test_a_short_key_in_the_data_directory_stops_the_start_and_its_file_is_named(kept, tmp_path):
    (tmp_path / "secret.key").write_text(kept)
    complaint = load("'started'", **{**SOUND, "SECRET_KEY": "", "DATA_DIR": str(tmp_path)})
    assert "ImproperlyConfigured: SECRET_KEY" in complaint
    assert str(tmp_path / "secret.key") in complaint


def test_a_sound_production_starts_without_debug_and_with_secure_cookies():
    said = load(
        "settings.DEBUG, settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, "
        "settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS",
        **SOUND,
    )
    assert said == "False True True True 31536000"


def test_cookies_go_over_plain_http_only_while_the_host_is_localhost():
    local = {"PUBLIC_URL": "http://localhost:8000", "ALLOWED_HOSTS": "localhost"}
    assert load("settings.SESSION_COOKIE_SECURE", **{**SOUND, **local}) == "False"


def test_what_stands_behind_the_database_address_is_kept():
    url = "postgres://u:p@db.example.com:5432/name?sslmode=require"
    said = load("settings.DATABASES['default']['OPTIONS']['sslmode']", **SOUND, DATABASE_URL=url)
    assert said == "require"


def test_a_password_of_any_characters_reaches_the_database_as_it_is():
    password = "p@ss/+=:%#?&[]'\"$ ü%40"
    url = "postgres://supportops@db.example.com:5432/name"
    said = load(
        "ascii(settings.DATABASES['default']['PASSWORD']), settings.DATABASES['default']['HOST']",
        **SOUND,
        DATABASE_URL=url,
        DATABASE_PASSWORD=password,
    )
    assert said == f"{password!a} db.example.com"


def test_a_password_in_the_address_counts_where_none_stands_apart():
    url = "postgres://u:p%40ss@db.example.com/name"
    assert load("settings.DATABASES['default']['PASSWORD']", **SOUND, DATABASE_URL=url) == "p@ss"


@pytest.mark.parametrize(
    ("url", "backend", "alias"),
    [
        ("", "DatabaseCache", True),
        ("locmem", "LocMemCache", False),
        ("redis://127.0.0.1:6379/1", "RedisCache", False),
    ],
)
def test_the_shared_cache_has_a_file_of_its_own_on_sqlite(url, backend, alias):
    said = load(
        "settings.CACHES['default']['BACKEND'], 'cache' in settings.DATABASES",
        **SOUND,
        CACHE_URL=url,
    )
    assert said == f"django.core.cache.backends.{_module(backend)}.{backend} {alias}"


def _module(backend):
    return {"DatabaseCache": "db", "LocMemCache": "locmem", "RedisCache": "redis"}[backend]


@pytest.mark.django_db
def test_the_live_connection_has_the_pragmas_that_the_promises_rest_on():
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has no pragmas")
    with connection.cursor() as cursor:
        for name, wanted in PRAGMAS.items():
            assert cursor.execute(f"PRAGMA {name}").fetchone()[0] == wanted, name
    assert connection.transaction_mode == "IMMEDIATE"


@pytest.mark.django_db
def test_a_live_postgresql_connection_waits_for_no_lock_for_ever():
    if connection.vendor != "postgresql":
        pytest.skip("this run is on SQLite")
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone()[0] == "15s"
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone()[0] == "read committed"
