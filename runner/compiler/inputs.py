"""The inputs of a run: from the command line, checked against what the spec declares."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from runner.compiler.canonical import Json
from runner.compiler.spec.model import Workflow
from runner.compiler.suggest import did_you_mean, listed
from runner.compiler.values import coerced, declared_types, problems, shown, unfit
from runner.errors import UsageError


def inputs_schema(workflow: Workflow) -> dict[str, Json]:
    """The declared inputs as a JSON Schema of type object. An input without a default is required."""
    properties: dict[str, Json] = {name: declared.plain for name, declared in workflow.inputs.items()}
    required: list[Json] = [name for name, declared in workflow.inputs.items() if "default" not in declared.plain]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _property(schema: Mapping[str, Json], name: str) -> dict[str, Json]:
    properties = schema.get("properties")
    found = properties.get(name) if isinstance(properties, dict) else None
    return found if isinstance(found, dict) else {}


def _names(schema: Mapping[str, Json]) -> list[str]:
    properties = schema.get("properties")
    return list(properties) if isinstance(properties, dict) else []


def defaults(schema: Mapping[str, Json]) -> dict[str, Json]:
    """The values of inputs that have a default."""
    declared = {name: _property(schema, name) for name in _names(schema)}
    return {name: coerced(one, one["default"]) for name, one in declared.items() if "default" in one}


def complete(schema: Mapping[str, Json], given: Mapping[str, Json]) -> dict[str, Json]:
    """The given inputs with defaults filled in. Raises one UsageError that lists every problem."""
    names = _names(schema)
    wrong: list[str] = []
    for name, value in given.items():
        if name not in names:
            hint = did_you_mean(name, names)
            wrong.append(f"there is no input `{name}`" + (f"; {hint}" if hint else ""))
        elif sentence := unfit(value):
            wrong.append(f"input `{name}`: {sentence}")
        else:
            wrong += [f"input `{name}`: {sentence}" for sentence in problems(_property(schema, name), value)]
    values = defaults(schema)
    for name in names:
        if name not in given and name not in values:
            about = _property(schema, name).get("description") or _property(schema, name).get("title")
            kind = listed(declared_types(_property(schema, name))) or "any type"
            wrong.append(f"input `{name}` is missing ({kind})" + (f": {about}" if isinstance(about, str) else ""))
    if wrong:
        known = listed(names, "and") or "none"
        raise UsageError(
            "the inputs do not fit the spec:\n" + "\n".join(f"  - {sentence}" for sentence in wrong),
            f"give inputs as `-i name=value`; the spec declares: {known}",
        )
    for name, value in given.items():
        values[name] = coerced(_property(schema, name), value)
    return {name: values[name] for name in names}


def parse_inputs(pairs: Sequence[str], schema: Mapping[str, Json]) -> dict[str, Json]:
    """`key=value` pairs as values: strings as they are, everything else as JSON, by the declared type.

    `schema` is `Plan.inputs_schema`. Unknown names are kept (as text) for `complete` to report. Raises UsageError that
    lists every pair that cannot be read.
    """
    found: dict[str, Json] = {}
    wrong: list[str] = []
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or not name:
            wrong.append(f"`{pair}` is not `name=value`")
        elif name in found:
            wrong.append(f"input `{name}` is given twice")
        else:
            found[name] = text
            types = declared_types(_property(schema, name))
            if types and "string" not in types:
                try:
                    found[name] = json.loads(text, parse_constant=_no_constant)
                except (ValueError, RecursionError):
                    wrong.append(f"input `{name}`: {shown(text)} is not {listed(types)}; write it as JSON")
    if wrong:
        raise UsageError(
            "the inputs cannot be read:\n" + "\n".join(f"  - {sentence}" for sentence in wrong),
            "give inputs as `-i name=value`; lists and objects as JSON: -i 'parts=[1, 2]'",
        )
    return found


def _no_constant(word: str) -> Json:
    raise ValueError(word)
