"""Which functions of ours run in a piece of work, and making one of them fail everywhere."""

import sys
from collections.abc import Callable
from contextlib import contextmanager
from functools import reduce
from inspect import getattr_static
from pathlib import Path
from types import ModuleType

from django.conf import settings

from decisions.rules.guards import GUARDS

ROOMS = ("tickets", "decisions", "classification")
APART = ("tests", "migrations")


def functions_run_by(work: Callable[[], object]) -> list[str]:
    """`module:qualified.name` of every function of ours that the work calls."""
    found = set()

    def note(frame, event, arg):
        code = frame.f_code
        module = frame.f_globals.get("__name__", "")
        if event == "call" and _is_ours(code.co_filename) and "<" not in code.co_qualname:
            found.add(f"{module}:{code.co_qualname}")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return sorted(name for name in found if _can_be_replaced(name))


def _is_ours(filename: str) -> bool:
    path = Path(filename)
    if not path.is_relative_to(settings.BASE_DIR):
        return False
    parts = path.relative_to(settings.BASE_DIR).parts
    return parts[0] in ROOMS and not set(parts) & set(APART)


def _can_be_replaced(name: str) -> bool:
    """Not what a dataclass or an enum wrote for itself, nor bodies of classes."""
    try:
        owner, attribute = _place(name)
        return callable(found := getattr_static(owner, attribute)) or isinstance(
            found, classmethod | staticmethod | property
        )
    except AttributeError:
        return False


def _place(name: str) -> tuple[object, str]:
    module, _, path = name.partition(":")
    *owners, attribute = path.split(".")
    return reduce(getattr, owners, sys.modules[module]), attribute


@contextmanager
def failing(name: str, error: Exception):
    """The function raises, wherever it was imported. Yields the list of its calls."""
    owner, attribute = _place(name)
    original = getattr_static(owner, attribute)
    calls = []

    def fail(*args, **kwargs):
        calls.append(name)
        raise error

    replacement = fail
    if isinstance(original, property):
        replacement = property(fail)
    elif isinstance(original, classmethod | staticmethod):
        replacement = staticmethod(fail)
    places = [(owner, attribute)]
    if isinstance(owner, ModuleType):
        places = [
            (module, key)
            for module in list(sys.modules.values())
            if module.__name__.split(".")[0] in ROOMS
            for key, value in list(vars(module).items())
            if value is original
        ]
    tests = [(guard, guard.test) for guard in GUARDS if guard.test is original]
    for place, key in places:
        setattr(place, key, replacement)
    for guard, _ in tests:
        object.__setattr__(guard, "test", fail)
    try:
        yield calls
    finally:
        for place, key in places:
            setattr(place, key, original)
        for guard, test in tests:
            object.__setattr__(guard, "test", test)
