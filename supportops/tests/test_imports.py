"""The floors of the house: an import only ever points down, and nothing runs in a circle.

A module that stands nowhere in the table fails the test; so does one that stands too low.
"""

import ast
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

APPS = ("tickets", "classification", "decisions", "metrics")
PACKAGES = ("supportops", *APPS)

# Bottom up. The first pattern that fits says where a module stands.
FLOORS: list[tuple[str, list[str]]] = [
    (
        "pure",
        [
            *PACKAGES,
            "supportops.logs",
            "tickets.alert_words",
            "tickets.codes",
            "tickets.hours_in_words",
            "tickets.outgoing",
            "tickets.references",
            "tickets.service_levels",
            "tickets.thanks",
            "tickets.visible",
            "tickets.words",
            "classification.calibration",
            "classification.combining",
            "classification.comparing",
            "classification.contract",
            "classification.conversion",
            "classification.encoder*",
            "classification.evaluation",
            "classification.explaining",
            "classification.kernel",
            "classification.keywords",
            "classification.language",
            "classification.linear*",
            "classification.minilm*",
            "classification.llm",
            "classification.parts",
            "classification.planes",
            "classification.quoting",
            "classification.reading",
            "classification.registry",
            "classification.rows",
            "classification.second_request",
            "classification.sentences",
            "classification.starter_corpus",
            "classification.store",
            "classification.tfidf",
            "classification.weights",
            "decisions.acceptance",
            "decisions.backtest",
            "decisions.breaker",
            "decisions.certification",
            "decisions.conditions",
            "decisions.counterfactual",
            "decisions.engine",
            "decisions.facts",
            "decisions.guards",
            "decisions.lint",
            "decisions.policy",
            "decisions.replies",
            "decisions.topics",
            "decisions.sampling",
            "metrics.business",
            "metrics.charts",
            "metrics.definitions",
            "metrics.figures",
            "metrics.history",
            "metrics.intervals",
            "metrics.tallying",
            "metrics.wording",
            "metrics.alert_rules",
            "metrics.drift",
            "metrics.grouping",
            "metrics.spikes",
        ],
    ),
    ("ground tables", ["tickets.models*"]),
    (
        "record",
        [
            "tickets.nudge",
            "tickets.record",
            "tickets.remembering",
            "tickets.search",
            "tickets.tests.factories",
        ],
    ),
    (
        "tables",
        [
            "classification.models*",
            "decisions.models*",
            # Each of these looks after one ground table.
            "tickets.audit",
            "tickets.audit_heads",
            "tickets.calendars",
            "tickets.holding",
            "tickets.notices",
            "tickets.saved_views",
            "tickets.targets",
            "tickets.tracking",
            "tickets.triggers",
        ],
    ),
    (
        "services",
        [
            "classification.remote",
            "classification.scoring",
            "classification.services",
            "classification.starter_data",
            "classification.training",
            "decisions.breakers",
            "decisions.cases",
            "decisions.certifying",
            "decisions.covering",
            "decisions.checking",
            "decisions.comparing",
            "decisions.drafting",
            "decisions.evidence",
            "decisions.explaining",
            "decisions.labelled",
            "decisions.many",
            "decisions.operating",
            "decisions.parts",
            "decisions.offering",
            "decisions.permits",
            "decisions.promises",
            "decisions.published",
            "decisions.quarantines",
            "decisions.publishing",
            "decisions.replaying",
            "decisions.reviewing",
            "decisions.rule_lines",
            "decisions.scenarios",
            "decisions.services",
            "decisions.standing",
            "decisions.shadowing",
            "decisions.simulating",
            "decisions.starter",
            "decisions.stops",
            "decisions.wording",
            "classification.tests.*",
            "decisions.tests.*",
        ],
    ),
    (
        "joining",
        [
            "tickets.comparing",
            "tickets.asking",
            "tickets.deciding",
            "tickets.deciding_many",
            "tickets.learning",
            "tickets.permitting",
            "tickets.reserve",
            "tickets.shadowing",
        ],
    ),
    ("conversation", ["tickets.bulk", "tickets.conversation", "tickets.handling"]),
    (
        "intake and upkeep",
        [
            "tickets.delivery",
            "tickets.crowd",
            "tickets.demo",
            "tickets.erasure",
            "tickets.exporting",
            "tickets.import_files",
            "tickets.import_rejects",
            "tickets.importing",
            "tickets.intake",
            "tickets.reclassifying",
        ],
    ),
    (
        "watchers",
        [
            "metrics.gathering",
            "metrics.models*",
            "metrics.packing",
            "metrics.reading",
            "metrics.rebuilding",
            "metrics.report*",
            "metrics.rollup",
            "metrics.services",
            "metrics.storing",
            "metrics.alerts",
            "metrics.audit_rounds",
            "metrics.hours",
            "metrics.latest",
            "metrics.unexplained",
            "metrics.watching",
            "metrics.weeks",
            "metrics.tests.*",
        ],
    ),
    (
        "entry points",
        [
            "*.admin*",
            "*.api",
            "*_api",
            "*.apps",
            "*.management*",
            "*.templatetags*",
            "*.urls",
            "*.views*",
            "decisions.shapes",
            "metrics.exposition",
            "metrics.showing",
            "tickets.authentication",
            "tickets.endpoints",
            "tickets.errors",
            "tickets.fields",
            "tickets.forms",
            "tickets.parsing",
            "tickets.serializers",
            "tickets.shapes",
            "tickets.throttling",
            "supportops.*",
        ],
    ),
]
NAMES = [*(name for name, _ in FLOORS), "nowhere"]
# Below the entry points and the watchers, who may know both the prediction and the rules: one that
# asks, one that decides, one that carries what training found to the rules' side, one that plays
# demo days, one that compares versions, and one that asks a model in the shadow.
KNOW_BOTH = {
    "tickets.asking",
    "tickets.comparing",
    "tickets.deciding",
    "tickets.deciding_many",
    "tickets.demo",
    "tickets.learning",
    "tickets.permitting",
    "tickets.reserve",
    "tickets.shadowing",
}


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


def circles() -> list[list[str]]:
    """Modules that import each other, directly or through others."""
    open_, done, found = [], set(), []

    def visit(name):
        if name in open_:
            found.append([*open_[open_.index(name) :], name])
        elif name not in done:
            open_.append(name)
            for target in sorted(graph()[name]):
                visit(target)
            open_.pop()
            done.add(name)

    for name in sorted(graph()):
        visit(name)
    return found


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
    # What is being written may stand in the table before it is there.
    ahead = {"classification.encoder*", "metrics.tests.*"}
    ahead |= {"classification.tests.*", "decisions.tests.*"}
    unused = {
        pattern
        for _, patterns in FLOORS
        for pattern in patterns
        if not any(fnmatchcase(name, pattern) for name in modules())
    }
    assert unused - ahead == set()


def test_imports_only_point_down():
    up = [
        f"{source} imports {target}, which stands on the floor of {NAMES[floor(target)]}"
        for source, target in sorted(edges())
        if floor(source) < floor(target)
    ]
    assert up == []


def test_nothing_runs_in_a_circle():
    assert [" -> ".join(circle) for circle in circles()] == []


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


def test_only_the_joining_modules_know_both_halves():
    watchers = NAMES.index("watchers")
    both = {
        name
        for name, targets in graph().items()
        if floor(name) < watchers
        and any(target.startswith("classification.") for target in targets)
        and any(target.startswith("decisions.") for target in targets)
    }
    assert both == KNOW_BOTH


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
