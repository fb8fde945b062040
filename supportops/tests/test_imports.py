"""The floors of the house: an import only ever points down, and nothing runs in a circle.

A module that stands nowhere in the table fails the test; so does one that stands too low.
"""

import ast
import re
from collections import Counter
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

APPS = ("tickets", "classification", "decisions", "metrics")
PACKAGES = ("supportops", *APPS)

# Bottom up. The first pattern that fits says where a module stands: one pattern a room, and the few
# modules that stand in an app's root.
FLOORS: list[tuple[str, list[str]]] = [
    (
        "pure",
        [
            *PACKAGES,
            "tickets.business_time",
            "tickets.codes",
            "tickets.http_client",
            "tickets.references",
            "tickets.visible",
            "classification.contract",
            "classification.keywords",
            "classification.registry",
            "classification.store",
            "classification.encoder*",
            "classification.linear*",
            "classification.reading*",
            "classification.shared*",
            "classification.starter*",
            "decisions.bounds*",
            "decisions.reasons",
            "decisions.rules*",
            "metrics.figures*",
            "supportops.logs",
        ],
    ),
    ("console widgets", ["supportops.clients", "supportops.ui*"]),
    ("ground tables", ["tickets.models*"]),
    (
        "record",
        ["tickets.cache", "tickets.history*", "tickets.search*", "tickets.tests.factories"],
    ),
    (
        "tables",
        ["classification.models*", "decisions.models*", "tickets.locks", "tickets.tracking"],
    ),
    (
        "services",
        [
            "classification.remote*",
            "classification.services",
            "classification.tests.*",
            "classification.training*",
            "decisions.certificates*",
            "decisions.deciding*",
            "decisions.in_force",
            "decisions.policies*",
            "decisions.reviews*",
            "decisions.stops*",
            "decisions.tests.*",
            "decisions.trials*",
            "decisions.why*",
            "tickets.promises*",
        ],
    ),
    ("joining", ["tickets.pipeline*"]),
    (
        "work",
        ["tickets.data*", "tickets.desk*", "tickets.learning*", "tickets.outbox*"],
    ),
    (
        "watchers",
        [
            "metrics.alerts*",
            "metrics.drift*",
            "metrics.models*",
            "metrics.report*",
            "metrics.rollup*",
            "metrics.tests.*",
        ],
    ),
    (
        "entry points",
        [
            "*.admin*",
            "*.api*",
            "*.apps",
            "*.management*",
            "*.templatetags*",
            "*.urls",
            "tickets.forms",
            "tickets.views*",
            "supportops.*",
        ],
    ),
]
NAMES = [*(name for name, _ in FLOORS), "nowhere"]
# Below the watchers, the rooms that may know both the prediction and the rules.
KNOW_BOTH = ("tickets.data.", "tickets.learning.", "tickets.pipeline.")
MOST_IN_A_ROOM = 14
STARTS = re.compile(r"`([a-z_/]+\.py)`")


@cache
def modules() -> dict[str, Path]:
    """Every module of ours but tests and migrations; of the tests the factories."""
    found = {}
    for package in PACKAGES:
        for path in (settings.BASE_DIR / package).rglob("*.py"):
            parts = path.relative_to(settings.BASE_DIR).with_suffix("").parts
            if "migrations" in parts or ("tests" in parts and parts[-1] != "factories"):
                continue
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def floor(module: str) -> int:
    """Its number from the ground up; one above all others for a module that stands nowhere."""
    for number, (_, patterns) in enumerate(FLOORS):
        if any(fnmatchcase(module, pattern) for pattern in patterns):
            return number
    return len(FLOORS)


@cache
def imported(module: str) -> frozenset[str]:
    """Full names of all that a file imports, anywhere in it and for type checking too."""
    names = set()
    for node in ast.walk(ast.parse(modules()[module].read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                names.add(inner if inner in modules() else node.module)
    return frozenset(names)


@cache
def graph() -> dict[str, frozenset[str]]:
    """Module -> modules of ours that it imports."""
    return {name: imported(name) & modules().keys() for name in modules()}


def circles(arrows: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Modules, or rooms, that import each other, directly or through others."""
    open_, done, found = [], set(), []

    def visit(name):
        if name in open_:
            found.append([*open_[open_.index(name) :], name])
        elif name not in done:
            open_.append(name)
            for target in sorted(arrows.get(name, ())):
                visit(target)
            open_.pop()
            done.add(name)

    for name in sorted(arrows):
        visit(name)
    return found


def room_of(module: str) -> str:
    """The folder that a module lies in; a module of an app's root stands for itself."""
    if modules()[module].name == "__init__.py":
        return module
    parts = module.split(".")
    return ".".join(parts[:-1]) if len(parts) > 2 else module


def edges(*, among: str = "", to: str = "") -> set[tuple[str, str]]:
    return {
        (source, target)
        for source, targets in graph().items()
        for target in targets
        if source.startswith(among) and target.startswith(to)
    }


def is_entry(module: str) -> bool:
    return floor(module) == NAMES.index("entry points")


def test_every_module_stands_on_a_floor():
    homeless = [name for name in sorted(modules()) if floor(name) == len(FLOORS)]
    assert homeless == [], "put these into FLOORS, as low as their imports allow"


def test_every_line_of_the_table_is_about_something():
    unused = {
        pattern
        for _, patterns in FLOORS
        for pattern in patterns
        if not any(fnmatchcase(name, pattern) for name in modules())
    }
    assert unused == set()


def test_imports_only_point_down():
    up = [
        f"{source} imports {target}, which stands on the floor of {NAMES[floor(target)]}"
        for source, target in sorted(edges())
        if floor(source) < floor(target)
    ]
    assert up == []


def test_nothing_runs_in_a_circle():
    assert [" -> ".join(circle) for circle in circles(graph())] == []


def test_no_two_rooms_need_each_other():
    """Rooms that stand side by side can be read one after the other."""
    rooms: dict[str, set[str]] = {}
    for source, target in edges():
        one, other = room_of(source), room_of(target)
        if one != other and not other.startswith(f"{one}."):
            rooms.setdefault(one, set()).add(other)
    assert [" -> ".join(circle) for circle in circles(rooms)] == []


def test_no_room_is_overfull():
    counted = Counter(
        path.parent
        for path in modules().values()
        if path.name != "__init__.py" and "tests" not in path.parts
    )
    assert counted
    assert {str(place): n for place, n in counted.items() if n > MOST_IN_A_ROOM} == {}


def test_every_room_says_what_lives_there():
    silent = [
        name
        for name, path in sorted(modules().items())
        if path.name == "__init__.py"
        and not name.endswith((".management", ".commands", ".templatetags", ".tests"))
        and "Start reading in" not in (ast.get_docstring(ast.parse(path.read_text())) or "")
    ]
    assert silent == [], "three lines: what lives here, what it may import, where to start reading"


def test_where_a_room_says_to_start_there_is_a_file():
    missing = {
        f"{name}: {file}"
        for name, path in modules().items()
        if path.name == "__init__.py"
        for file in STARTS.findall(ast.get_docstring(ast.parse(path.read_text())) or "")
        if not (path.parent / file).is_file() and not (settings.BASE_DIR / file).is_file()
    }
    assert missing == set()


def test_no_import_is_hidden_in_a_string():
    """It would hide a circle. The registry alone loads by a name, which the settings give."""
    hiding = [
        name
        for name, path in sorted(modules().items())
        if name != "classification.registry" and "import_module(" in path.read_text()
    ]
    assert hiding == []


def test_pure_modules_know_no_django():
    wrong = [
        f"{name} imports {outside}"
        for name in sorted(modules())
        if floor(name) == 0
        for outside in sorted(imported(name))
        if outside.split(".")[0] in {"django", "rest_framework", "environ"}
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("who", "whom"), [("classification.", "decisions."), ("decisions.", "classification.")]
)
def test_predictions_and_rules_know_nothing_of_each_other(who, whom):
    # A page or command of either may show both; it stands above them.
    known = edges(among=who, to=whom)
    assert sorted(edge for edge in known if not is_entry(edge[0])) == []


def test_only_the_joining_rooms_know_both_halves():
    watchers = NAMES.index("watchers")
    both = {
        name
        for name, targets in graph().items()
        if floor(name) < watchers
        and any(target.startswith("classification.") for target in targets)
        and any(target.startswith("decisions.") for target in targets)
    }
    assert both
    assert [name for name in sorted(both) if not name.startswith(KNOW_BOTH)] == []


def test_nobody_below_imports_the_watchers():
    readers = {source for source, _ in edges(to="metrics.") if not source.startswith("metrics.")}
    assert [name for name in sorted(readers) if not is_entry(name)] == []


def test_nothing_that_ships_imports_tests():
    shipped = {edge for edge in edges() if ".tests" not in edge[0]}
    assert [edge for edge in sorted(shipped) if ".tests" in edge[1]] == []


def test_foreign_keys_point_to_tickets_or_stay_at_home():
    outside = {
        f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}"
        for app in APPS
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.get_fields()
        if field.is_relation
        and field.concrete
        and field.related_model is not None
        and field.related_model._meta.app_label not in {app, "tickets", "auth"}
    }
    assert outside == set()


def test_tickets_have_no_foreign_key_upwards():
    assert {
        field.related_model._meta.app_label
        for model in apps.get_app_config("tickets").get_models()
        for field in model._meta.get_fields()
        if field.is_relation and field.concrete
    } <= {"tickets", "auth"}
