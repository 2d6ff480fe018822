"""The form that `runner deploy` hands over is the one that Prefect itself makes of the flow."""

from __future__ import annotations

from typing import Any

import pytest

from runner.compiler.compile import compile_plan
from runner.compiler.plan.model import Plan
from runner.flow.form import parameter_schema

EVERYTHING = """
spec: 1
name: forms
inputs:
  target: {type: string, enum: [dev, prod], default: dev, title: Target}
  shards: {type: integer, minimum: 1, maximum: 8, description: How many.}
  when: {type: string, format: date-time, default: "2026-01-01T00:00:00Z"}
  tags: {type: array, items: {type: string, enum: [a, b]}, default: [a]}
  db: {type: object, properties: {port: {type: integer, default: 1, title: Port}, host: {type: string}}}
  wait_for: {type: boolean, default: false}
  maybe: {type: string}
steps: {one: {run: echo}}
"""


@pytest.fixture(autouse=True)
def _prefect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    monkeypatch.setenv("PREFECT_SERVER_EPHEMERAL_ENABLED", "false")


def planned(text: str) -> Plan:
    found = compile_plan(text.encode(), "forms.yaml", None)
    assert found.plan is not None, found.diagnostics
    return found.plan


@pytest.mark.parametrize("text", [EVERYTHING, "spec: 1\nname: bare\nsteps: {one: {run: echo}}\n"])
def test_the_form_is_the_one_that_prefect_makes_of_the_flow(text: str) -> None:
    from prefect.utilities.callables import parameter_schema as genuine

    from runner.flow.build import build_flow

    async def body(_inputs: dict[str, Any]) -> Any:
        raise AssertionError("a form runs nothing")

    plan = planned(text)
    assert without_empty(parameter_schema(plan)) == without_empty(genuine(build_flow(plan, body)).model_dump())


def without_empty(schema: dict[str, Any]) -> dict[str, Any]:
    """What Prefect adds for fields that may be left out, a default of null, is told apart from a default."""
    properties = {
        name: {key: value for key, value in one.items() if not (key == "default" and value is None)}
        for name, one in schema["properties"].items()
    }
    return {**schema, "properties": properties}
