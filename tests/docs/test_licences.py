"""docs/licences.md names every package that runner asks for, with the licence that the installed package declares."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = dict(re.findall(r"^\| ([\w-]+) \|.*\| (\S.*) \|$", (ROOT / "docs" / "licences.md").read_text(), re.MULTILINE))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ASKED = [*PROJECT["dependencies"], *(line for name in PROJECT["optional-dependencies"].values() for line in name)]
NAMES = sorted({re.match(r"[\w-]+", line)[0] for line in ASKED} - {"runner"})  # type: ignore[index]


def test_every_package_has_a_row_and_every_row_a_package() -> None:
    assert sorted(set(ROWS) - {"package"}) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_row_says_what_the_package_declares(name: str) -> None:
    about = metadata(name)
    kinds = [one.rpartition(" :: ")[2] for one in about.get_all("Classifier", []) if one.startswith("License")]
    declared = about.get("License-Expression") or about.get("License") or ", ".join(kinds)
    assert declared
    assert ROWS[name].split(";")[0] == declared
