"""Everything an author may write is described in the schema of the language: editors show it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from runner.compiler.spec.build import STEP_KEYS

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "workflow.v1.schema.json").read_text(encoding="utf-8"))


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """A part of the schema with what it refers to; its own words go first."""
    reference = part.get("$ref")
    return {**SCHEMA["$defs"][reference.rpartition("/")[2]], **part} if reference else part


def keys(part: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key that the schema knows, with its path; definitions under their own names."""
    for name, inner in part.get("properties", {}).items():
        if isinstance(inner, dict):
            yield f"{path}.{name}".lstrip("."), resolved(inner)
            yield from keys(inner, f"{path}.{name}")
    for word in ("items", "additionalProperties"):
        if isinstance(part.get(word), dict):
            yield from keys(part[word], f"{path}[]")


EVERY = dict(keys(SCHEMA)) | {
    path: part for name, inner in SCHEMA["$defs"].items() for path, part in keys(inner, f"#{name}")
}


def test_the_schema_is_one_and_its_own_example_fits() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(SCHEMA["examples"][0])
    assert len(EVERY) > 250


@pytest.mark.parametrize("path", EVERY)
def test_every_key_has_a_description_and_an_example_that_fits(path: str) -> None:
    part = EVERY[path]
    assert part.get("description", "").endswith((".", "?")), "a description is a sentence"
    assert part.get("examples"), "an example shows how it is written"
    whole = {**part, "$defs": SCHEMA["$defs"]}
    for value in [*part["examples"], *([part["default"]] if "default" in part else [])]:
        assert list(jsonschema.Draft202012Validator(whole).iter_errors(value)) == []


def test_the_compiler_knows_the_keys_of_a_step() -> None:
    assert set(SCHEMA["$defs"]["step"]["properties"]) == STEP_KEYS


#: What holds when a key is not written, wherever the compiler or a run fills something in.
DEFAULTS = {
    "#step.timeout": "10m",
    "#step.allow_failure": False,
    "#step.priority": 0,
    "#step.idempotent": True,
    "#step.for_each.as": "item",
    "#step.repeat.delay": "0s",
    "#step.cache.ttl": "30d",
    "#step.approve.timeout": "7d",
    "#step.approve.on_timeout": "reject",
    "#concurrency.limit": 1,
    "#concurrency.on_conflict": "wait",
    "#retry.attempts": 1,
    "#retry.backoff": "exponential",
    "#retry.delay": "2s",
    "#retry.max": "1m",
    "#retry.jitter": 0.2,
    "#sandbox.scope": "run",
    "priority": 0,
}


@pytest.mark.parametrize("path", DEFAULTS)
def test_a_default_is_written_down(path: str) -> None:
    assert EVERY[path]["default"] == DEFAULTS[path]
