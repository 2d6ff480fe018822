"""The language at a path: which keys and values are allowed there, and what they mean, by the schema."""

from __future__ import annotations

from typing import Any

from runner.compiler.document.scalars import spelled
from runner.compiler.shape.validator import workflow_schema
from runner.compiler.shape.words import expected, flow
from runner.editor.analysis import Path

Schema = dict[str, Any]


def schema_at(path: Path) -> Schema | None:
    """The schema of the value at a path; None where the language has nothing there, or leaves it open."""
    found: Schema | None = workflow_schema()
    for name in path:
        found = _resolved(_below(found, name)) if found is not None else None
    return found


def _resolved(schema: Any) -> Schema | None:
    """The schema with what it refers to; what it says itself counts more."""
    if not isinstance(schema, dict):
        return None
    target = schema.get("$ref")
    if isinstance(target, str):
        base = workflow_schema()["$defs"].get(target.rpartition("/")[2], {})
        return _resolved({**base, **{key: value for key, value in schema.items() if key != "$ref"}})
    then = schema.get("then")
    if "properties" not in schema and isinstance(then, dict):
        return _resolved({**then, **{key: value for key, value in schema.items() if key not in ("if", "then")}})
    return schema


def _below(schema: Schema, name: str | int) -> Any:
    if isinstance(name, int):
        return schema.get("items")
    known = schema.get("properties", {})
    return known[name] if name in known else schema.get("additionalProperties")


def keys_at(path: Path) -> dict[str, Schema]:
    """The keys that a map at this path may have, with their schemas."""
    schema = schema_at(path) or {}
    properties = schema.get("properties", {})
    return {key: _resolved(value) or {} for key, value in properties.items()}


def names_are_free(path: Path) -> bool:
    """Whether the keys of a map at this path are names of the author's."""
    return isinstance((schema_at(path) or {}).get("additionalProperties"), dict)


def values_at(path: Path) -> list[tuple[object, str]]:
    """The values allowed at a path, each with what it is; empty where there are too many to say."""
    schema = schema_at(path) or {}
    if "enum" in schema:
        return [(value, str(schema.get("description", ""))) for value in schema["enum"]]
    if "const" in schema:
        return [(schema["const"], str(schema.get("description", "")))]
    types = schema.get("type", [])
    if "boolean" in ([types] if isinstance(types, str) else types):
        return [(True, ""), (False, "")]
    if schema.get("title") in ("duration", "size"):
        return [(example, "for example") for example in schema.get("examples", ())]
    return []


def as_yaml(value: object) -> str:
    """A value as a spec may have it on one line; texts in quotes where they would be something else without."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{spelled(key)}: {as_yaml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_yaml, value)) + "]"
    return spelled(value) if isinstance(value, str) else flow(value)


def describe(name: str, schema: Schema) -> str:
    """What a key means, in Markdown: its type, its sentence, default and examples."""
    lines = [f"**{name}**" + (f": {what}" if (what := expected(schema)) else "")]
    if "description" in schema:
        lines.append(str(schema["description"]))
    if "enum" in schema:
        lines.append("One of " + ", ".join(f"`{flow(value)}`" for value in schema["enum"]) + ".")
    if "default" in schema:
        lines.append(f"Default: `{flow(schema['default'])}`")
    examples = [as_yaml(value) for value in schema.get("examples", ())]
    if examples:
        lines.append("```yaml\n" + "\n".join(f"{name}: {example}" for example in examples[:3]) + "\n```")
    return "\n\n".join(lines)


def snippet(name: str, schema: Schema, deeper: str) -> str:
    """What a key is completed to: with its value begun where the kind of value says how. `$0` is for the cursor.

    `deeper` are the blanks between the indentation of the line and the key.
    """
    types = schema.get("type", [])
    kinds = [types] if isinstance(types, str) else list(types)
    if kinds == ["object"]:
        return f"{name}:\n{deeper}  $0"
    if kinds[:1] == ["array"]:
        return f"{name}: [$0]"
    return f"{name}: $0"
