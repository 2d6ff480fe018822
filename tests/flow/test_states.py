"""How legs and runs end in Prefect's words."""

from __future__ import annotations

import pytest

from runner.flow.legs import leg_state, run_state
from runner.run.ports import LegOutcome


@pytest.mark.parametrize(
    ("state", "type_", "name"),
    [
        ("succeeded", "COMPLETED", "Completed"),
        ("skipped", "COMPLETED", "Skipped"),
        ("cancelled", "CANCELLED", "Cancelled"),
        ("paused", "CANCELLED", "Paused"),
        ("failed", "FAILED", "Failed"),
    ],
)
def test_a_leg(state, type_, name):
    found = leg_state(LegOutcome("a", state, "why"))
    assert (found.type.value, found.name) == (type_, name)


def test_a_paused_run_is_neither_a_success_nor_going_on():
    found = run_state("paused", ["policy p: credits used up"])
    assert (found.type.value, found.name) == ("FAILED", "Paused")
    assert found.message == "the run is paused: policy p: credits used up"
    assert run_state("paused").message == "the run is paused"
