"""A lone value where a map is wanted: the map that it probably stands for."""

from __future__ import annotations

import re
from typing import Any

from runner.compiler.diagnostic import Fix
from runner.compiler.document import Mapping, Scalar, Sequence
from runner.compiler.shape.literals import synonym
from runner.compiler.suggest import nearest

_PLAIN = re.compile(r"[\w./+-][\w./+ -]*")
_VARIABLE = re.compile(r"[A-Za-z_]\w*")
_KEYS = ("id", "name")
OPEN = "${{"


def wrapped(schema: dict[str, Any], node: Scalar) -> tuple[str, Fix | None]:
    """The map for a value on one line, as it is written, and the fix that writes it; an empty text for no map.

    `retry: 3` is `{attempts: 3}`, `size: int` is `{type: integer}`, and of a map that needs one key the value is that
    of this key.
    """
    made, safe = _map(schema, node)
    return made, Fix("make it a map", node.span, made, safe=safe) if made else None


def _map(schema: dict[str, Any], node: Scalar) -> tuple[str, bool]:
    title = schema.get("title", "")
    if title == "retry":
        is_count = type(node.value) is int and node.value > 0
        return f"{{attempts: {node.text}}}" if is_count else "", False  # others count how often it is tried again
    if title in ("type", "output"):
        return _type(schema, node)
    needed = schema.get("required", ())
    if len(needed) != 1 or not isinstance(node.value, str) or not _takes(schema["properties"][needed[0]], node.value):
        return "", False
    return f"{{{needed[0]}: {_written(node)}}}", False


def _type(schema: dict[str, Any], node: Scalar) -> tuple[str, bool]:
    """A type by its name; any other value of an input is its default."""
    types: list[str] = schema["properties"]["type"]["enum"]
    named = [node.text] if node.value in types else synonym("type", node.value, types)
    near = named or nearest(node.text, types)
    if near:
        return f"{{type: {near[0]}}}", bool(named)
    if schema["title"] != "type" or OPEN in node.text:
        return "", False
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return f"{{type: {kinds[type(node.value)]}, default: {_written(node)}}}", False


def _takes(schema: dict[str, Any], text: str) -> bool:
    is_variable = str(schema.get("$ref", "")).endswith("/variable")
    return schema.get("type") == "string" or (is_variable and _VARIABLE.fullmatch(text) is not None)


def _written(node: Scalar) -> str:
    """The value as it is written inside `{…}`."""
    if node.style in ("'", '"'):
        return f"{node.style}{node.text}{node.style}"
    return node.text if _PLAIN.fullmatch(node.text) else "'" + node.text.replace("'", "''") + "'"


def by_name(node: Sequence) -> str:
    """What to write for a list whose items have an id or a name each, where a map is wanted."""
    first = node.items[0] if node.items else None
    if not isinstance(first, Mapping):
        return ""
    key = next((key for key in _KEYS if key in first.entries), "")
    value = first.entries[key].value if key else None
    if not isinstance(value, Scalar):
        return ""
    return f"each stands under its {key}: write `{value.text}: …` for `- {key}: {value.text}`"
