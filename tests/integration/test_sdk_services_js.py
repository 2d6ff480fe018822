"""The vendor's JavaScript SDKs for code and desktops: tests/tools/e2b-js/services.mjs, each of its checks a test."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.embedded.e2b.launch import Endpoint

# The first test of a machine waits for the layers to be fetched.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
PROGRAM = Path(__file__).parents[1] / "tools" / "e2b-js" / "services.mjs"
CHECKS = re.findall(r"^check\('([^']+)'", PROGRAM.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def results(
    equipped_e2b: Endpoint, javascript_checks: Callable[[Path, Endpoint], dict[str, dict[str, str]]]
) -> dict[str, dict[str, str]]:
    """What each check of the program came to."""
    return javascript_checks(PROGRAM, equipped_e2b)


@pytest.mark.parametrize("name", CHECKS)
def test_javascript(results: dict[str, dict[str, str]], name: str) -> None:
    assert results[name]["ok"], results[name].get("error")


def test_no_check_is_left_out(results: dict[str, dict[str, str]]) -> None:
    assert list(results) == CHECKS
    assert len(CHECKS) == 10
