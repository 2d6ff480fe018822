"""What a plan becomes in Prefect's pages, without a server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runner.compiler.plan.model import Plan


@pytest.fixture(autouse=True)
def _prefect(monkeypatch: pytest.MonkeyPatch) -> None:
    # Prefect asks for these when it is imported, and when a flow is made.
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    monkeypatch.setenv("PREFECT_SERVER_EPHEMERAL_ENABLED", "false")


def plan(properties: dict[str, Any], required: tuple[str, ...] = (), **inputs: Any) -> Plan:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return Plan(
        "build-and-preview", "Build it", "All of it.", {}, schema, inputs, (), {}, digest="abcdef012345" + "0" * 52
    )


async def _completed(_inputs: dict[str, Any]) -> Any:
    from prefect.states import Completed

    return Completed()


def test_a_flow_has_the_plans_name_description_and_digest() -> None:
    from runner.flow.build import build_flow

    flow = build_flow(plan({}), _completed)

    assert (flow.name, flow.version) == ("build-and-preview", "1.0.0+abcdef012345")
    assert flow.description == "Build it\n\nAll of it."
    assert flow.isasync, "a synchronous flow pays a second at its end"


def test_the_form_carries_enum_range_default_title_and_what_is_required() -> None:
    from prefect.utilities.callables import parameter_schema

    from runner.flow.build import build_flow

    properties = {
        "target": {"type": "string", "enum": ["dev", "prod"], "default": "dev", "title": "Target"},
        "shards": {"type": "integer", "minimum": 1, "maximum": 8, "description": "How many."},
        "when": {"type": "string", "format": "date-time", "default": "2026-01-01T00:00:00Z"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "default": ["a"]},
        "db": {
            "type": "object",
            "properties": {"port": {"type": "integer", "default": 1, "title": "Port"}, "host": {}},
        },
    }
    flow = build_flow(plan(properties, required=("shards",)), _completed)

    # What Prefect computes again, from the signature, whenever it deploys the flow.
    form = parameter_schema(flow).model_dump()

    assert form["required"] == ["shards"]
    assert form["properties"]["target"] == {
        "type": "string", "enum": ["dev", "prod"], "default": "dev", "title": "Target", "position": 0,
    }  # fmt: skip
    assert form["properties"]["shards"] == {
        "type": "integer", "minimum": 1, "maximum": 8, "description": "How many.", "title": "shards", "position": 1,
    }  # fmt: skip
    assert form["properties"]["when"]["format"] == "date-time"
    assert form["properties"]["tags"]["items"] == {"enum": ["a", "b"]}
    assert form["properties"]["db"]["properties"] == {
        "port": {"type": "integer", "default": 1, "title": "Port"},
        "host": {"title": "host"},
    }
    assert flow.parameters.model_dump() == form


def test_names_that_python_or_prefect_keep_get_another_name_and_come_back() -> None:
    from runner.flow.build import build_flow
    from runner.flow.form import parameter_names, parameters

    names = ["class", "with-dash", "with_dash", "wait_for", "self", "model_dump", "fine"]
    odd = plan({name: {} for name in names}, **dict.fromkeys(names, 1))
    got: dict[str, Any] = {}

    async def body(inputs: dict[str, Any]) -> Any:
        got.update(inputs)
        return await _completed(inputs)

    assert list(parameter_names(odd).values()) == [
        "input_class", "with_dash", "with_dash_", "input_wait_for", "input_self", "input_model_dump", "fine",
    ]  # fmt: skip
    asyncio.run(build_flow(odd, body).fn(**parameters(odd, dict.fromkeys(names, 1))))
    assert got == dict.fromkeys(names, 1)


def test_what_nobody_gave_is_left_out_and_what_is_null_is_kept() -> None:
    from prefect.utilities.callables import get_call_parameters

    from runner.flow.build import build_flow

    properties = {"must": {}, "may": {}, "nothing": {"default": None}, "given": {"default": 1}, "plain": {"default": 2}}
    got: dict[str, Any] = {}

    async def body(inputs: dict[str, Any]) -> Any:
        got.update(inputs)
        return await _completed(inputs)

    flow = build_flow(plan(properties, required=("must",)), body)
    asyncio.run(flow.fn(**get_call_parameters(flow.fn, (), {"given": None})))

    assert got == {"nothing": None, "given": None, "plain": 2}
