"""What breaks the workflow schema, as plain data. The only module that knows the JSON Schema library."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, TypeAlias

import jsonschema_rs

from runner.compiler.canonical import Json
from runner.compiler.schemas import schema_path
from runner.records import dataclass

Schema: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """One keyword of the schema that a value breaks.

    `path` leads to the value, `schema_path` to the keyword, `schema` is what the keyword stands in; `data` is what
    the library knows about it: the unexpected keys, the missing key, the limit.
    """

    keyword: str
    path: Path
    schema_path: Path
    schema: Schema
    data: Any


@cache
def workflow_schema() -> Schema:
    """The workflow schema, read once."""
    schema: Schema = json.loads(schema_path("workflow.v1.schema.json").read_text(encoding="utf-8"))
    _list_bad_names(schema, schema["$defs"])
    return schema


def _list_bad_names(part: Any, definitions: Schema) -> None:
    """Say `propertyNames` in another way, of equal meaning, that gives one error for a map.

    The library makes an error for each bad name, each with a copy of the whole map: the time grows with the square
    of their number.
    """
    if isinstance(part, dict):
        if "$ref" in (names := part.get("propertyNames", {})) and part.get("type") == "object":
            title = names["$ref"].rpartition("/")[2]
            pattern = definitions[title]["pattern"]
            listed = {"title": title, "patternProperties": {pattern: True}, "additionalProperties": False}
            listed["known"] = list(part.get("properties", {}))
            part["allOf"] = [*part.get("allOf", []), listed]
            del part["propertyNames"]
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            _list_bad_names(inner, definitions)


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(workflow_schema(), validate_formats=False)


def violations(value: Json) -> list[Violation]:
    """Return every violation of the workflow schema by `value`."""
    return [_violation(error) for error in _validator().iter_errors(value)]


def _violation(error: jsonschema_rs.ValidationError) -> Violation:
    where: Path = tuple(error.schema_path)
    kind = error.kind
    return Violation(kind.name, tuple(error.instance_path), where, _fragment(where[:-1]), kind.value)


def _fragment(path: Path) -> Schema:
    """The part of the schema at `path`; an empty one where the path leads to no map."""
    part: Any = workflow_schema()
    for name in path:
        part = part[name]
    return part if isinstance(part, dict) else {}


def reason(path: Path) -> str:
    """The `$comment` that stands nearest above `path` in the schema, or an empty text."""
    comments = (str(_fragment(path[:end]).get("$comment", "")) for end in range(len(path), 0, -1))
    return next(filter(None, comments), "")
