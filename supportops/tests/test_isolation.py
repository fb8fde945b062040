"""Tests run beside an installation and touch nothing of it."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from django.conf import settings

from supportops.tests.test_settings import variables_read

INSTALLATION = settings.BASE_DIR / "var"


def paths_in(value):
    """Every path in a setting, however deep it stands."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, str):
        if value.startswith("/") and "\n" not in value:
            yield Path(value)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from paths_in(part)
    elif isinstance(value, Iterable):
        for part in value:
            yield from paths_in(part)


def places():
    """Setting -> paths that it names."""
    names = [name for name in dir(settings) if name.isupper() and name != "STATICFILES_DIRS"]
    return {name: list(paths_in(getattr(settings, name))) for name in names}


def test_no_setting_names_a_place_in_the_installation():
    named = places()
    assert named["DATA_DIR"] == [settings.DATA_DIR]
    assert settings.DATA_DIR in named["AUDIT_KEY_FILE"][0].parents
    inside = {
        name: [str(path) for path in paths if path.is_relative_to(INSTALLATION)]
        for name, paths in named.items()
    }
    assert not {name: paths for name, paths in inside.items() if paths}


def test_a_place_in_the_installation_would_be_seen():
    nested = {"a": [{"b": (str(INSTALLATION / "db.sqlite3"),)}], "c": INSTALLATION}
    assert list(paths_in(nested)) == [INSTALLATION / "db.sqlite3", INSTALLATION]


def test_every_variable_has_the_tests_own_value():
    """Otherwise what stands in a shell, such as ALERT_MAIL, would decide what is tested."""
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())
    lines = project["tool"]["pytest"]["ini_options"]["env"]
    values = dict(line.split("=", 1) for line in lines)
    assert {name.removeprefix("D:") for name in values} == variables_read()
    # The one that may come from outside: the suite runs again on another database.
    assert [name for name in values if name.startswith("D:")] == ["D:DATABASE_URL"]


def test_a_run_has_a_directory_of_its_own():
    assert settings.DATA_DIR.name.startswith("supportops-tests-")
    assert settings.DATA_DIR.stat().st_mode & 0o777 == 0o700
