"""docs/licences.md names every package that runner asks for, with the licence that the package itself declares."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON, NPM = (
    dict(re.findall(r"^\| ([\w@./-]+) \|.*\| (\S.*) \|$", part, re.MULTILINE))
    for part in (ROOT / "docs" / "licences.md").read_text().split("## npm packages")
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ASKED = [*PROJECT["dependencies"], *(line for name in PROJECT["optional-dependencies"].values() for line in name)]
NAMES = sorted({re.match(r"[\w-]+", line)[0] for line in ASKED} - {"runner"})  # type: ignore[index]
WEB = json.loads((ROOT / "web" / "package.json").read_text())
LOCKED = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]
WEB_NAMES = sorted({**WEB["dependencies"], **WEB["devDependencies"]})


def test_every_package_has_a_row_and_every_row_a_package() -> None:
    assert sorted(set(PYTHON) - {"package"}) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_row_says_what_the_package_declares(name: str) -> None:
    about = metadata(name)
    kinds = [one.rpartition(" :: ")[2] for one in about.get_all("Classifier", []) if one.startswith("License")]
    declared = about.get("License-Expression") or about.get("License") or ", ".join(kinds)
    assert declared
    assert PYTHON[name].split(";")[0] == declared


def test_every_npm_package_has_a_row_and_every_row_a_package() -> None:
    assert sorted(set(NPM) - {"package"}) == WEB_NAMES


@pytest.mark.parametrize("name", WEB_NAMES)
def test_the_row_says_what_the_npm_package_declares(name: str) -> None:
    locked = LOCKED[f"node_modules/{name}"]
    assert NPM[name] == locked["license"]


@pytest.mark.parametrize("group", ["dependencies", "devDependencies"])
def test_npm_packages_are_pinned(group: str) -> None:
    assert {version: name for name, version in WEB[group].items() if not version[0].isdigit()} == {}


def test_the_lock_file_has_every_package_that_npm_looks_for() -> None:
    # `npm ci` refuses a lock file without an optional package, of whatever platform: the wounds of a registry that
    # had only this machine's, or of an `npm install` beside an older `node_modules`.
    def found(at: str, name: str) -> bool:
        while f"{at}node_modules/{name}" not in LOCKED and at:
            at = at[:-1].rpartition("node_modules/")[0]
        return f"{at}node_modules/{name}" in LOCKED

    wanted = [
        (f"{place}/" if place else "", name)
        for place, package in LOCKED.items()
        for name in {**package.get("dependencies", {}), **package.get("optionalDependencies", {})}
    ]
    assert len(wanted) > 100
    assert [name for place, name in wanted if not found(place, name)] == []
