"""What is installed is written down with hashes, and is what the requirements allow."""

import re

import pytest
from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SETS = [
    "requirements",
    "requirements-postgres",
    "requirements-celery",
    "requirements-encoder",
    "requirements-dev",
]
PINNED = re.compile(r"^([a-z0-9.-]+(?:\[[a-z0-9,-]+\])?)==([^ ;\\]+)", re.MULTILINE)


def pins(name):
    """Library -> versions; several where they differ from one Python to the next."""
    found = {}
    for library, version in PINNED.findall((settings.BASE_DIR / f"{name}.lock").read_text()):
        found.setdefault(canonicalize_name(library.partition("[")[0]), set()).add(version)
    return found


def asked_for(name):
    """Requirements of a file without those of the files that it takes in."""
    lines = (settings.BASE_DIR / f"{name}.txt").read_text().splitlines()
    return [
        Requirement(line.partition("#")[0])
        for line in lines
        if line and not line.startswith(("#", "-r"))
    ]


@pytest.mark.parametrize("name", SETS)
def test_what_is_locked_is_what_is_allowed(name):
    locked = pins(name)
    for requirement in asked_for(name):
        versions = locked[canonicalize_name(requirement.name)]
        assert all(version in requirement.specifier for version in versions), requirement


@pytest.mark.parametrize("name", SETS)
def test_every_requirement_says_why(name):
    lines = (settings.BASE_DIR / f"{name}.txt").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith(("#", "-r"))]
    assert wanted
    assert [line for line in wanted if not line.partition("#")[2].strip()] == []


@pytest.mark.parametrize("name", SETS)
def test_every_locked_version_has_hashes_and_no_place_of_its_own(name):
    text = (settings.BASE_DIR / f"{name}.lock").read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text)[1:]
    assert len(entries) == sum(len(versions) for versions in pins(name).values())
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"https?:|file:|--index-url|--find-links", text)


@pytest.mark.parametrize("name", SETS[:-1])
def test_one_version_of_a_library_everywhere(name):
    everything = pins("requirements-dev")
    assert pins(name) == {library: everything[library] for library in pins(name)}
