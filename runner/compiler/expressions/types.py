"""The types of values in expressions, down to the leaves: words of an enum, bounds of a number, properties, items.

They come from the schemas that a spec declares. `ANY` is a value of which nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf
from typing import Literal as Word

from runner.compiler.canonical import Json
from runner.compiler.values import declared_types, same, type_name
from runner.records import dataclass

Kind = Word[
    "any", "text", "integer", "number", "boolean", "null", "list", "object",
    "secret", "bytes", "timestamp", "duration", "uint", "type",
]  # fmt: skip

_KINDS: dict[str, Kind] = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
    "array": "list",
    "object": "object",
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_CEL = {"any": "DYN", "text": "STRING", "integer": "INT", "number": "DOUBLE", "boolean": "BOOL", "null": "NULL"}
_WORDS = {
    "any": "any value",
    "text": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean",
    "null": "null",
    "list": "a list",
    "object": "an object",
    "secret": "a secret",
    "bytes": "bytes",
    "timestamp": "a timestamp",
    "duration": "a duration",
    "uint": "an unsigned integer",
    "type": "a type",
}
_DEPTH = 16
_MOST_VALUES = 256  # that are looked at one by one


@dataclass(frozen=True, slots=True)
class Type:
    """What is known of a value.

    `values`: all it can be, None for no such list. `low` to `high`: the bounds of a number, the bound itself left
    out where it is `open`. `item`: of a list each item, of an object each property that is not among `properties`.
    `closed`: an object has no other properties. `nullable`: it may be null instead. `mixed`: the
    run decides whether the number is an integer to CEL.
    """

    kind: Kind = "any"
    values: tuple[Json, ...] | None = None
    low: float = -inf
    high: float = inf
    low_open: bool = False
    high_open: bool = False
    item: Type | None = None
    properties: Mapping[str, Type] | None = None
    closed: bool = False
    nullable: bool = False
    mixed: bool = False

    @property
    def numeric(self) -> bool:
        """Whether it is an integer or a number."""
        return self.kind in ("integer", "number")

    @property
    def cel(self) -> str:
        """The name of the type in CEL, DYN for what CEL has no word for."""
        if self.nullable:
            return "DYN"
        if self.kind == "list":
            return f"LIST<{(self.item or ANY).cel}>"
        return "MAP<STRING, DYN>" if self.kind == "object" else _CEL.get(self.kind, self.kind)

    def __str__(self) -> str:
        """The type in the language's words: `text`, `an integer`, `a list`."""
        return _WORDS[self.kind] + (" or null" if self.nullable else "")


ANY = Type()
TEXT, INTEGER, NUMBER = Type("text"), Type("integer"), Type("number")
BOOLEAN, NULL, BYTES = Type("boolean", (False, True)), Type("null", (None,)), Type("bytes")
TIMESTAMP, DURATION, UINT, TYPE = Type("timestamp"), Type("duration"), Type("uint"), Type("type")
SECRET_TYPE = Type("secret")
COUNT = Type("integer", low=0)
_BY_CEL = {"STRING": TEXT, "INT": INTEGER, "DOUBLE": NUMBER, "BOOL": BOOLEAN, "NULL": NULL, "secret": SECRET_TYPE}


def list_of(item: Type) -> Type:
    """A list of such items."""
    return Type("list", item=item)


def from_cel(name: str) -> Type:
    """The type with that name in CEL."""
    if name.startswith("LIST<"):
        return list_of(from_cel(name[5:-1]))
    return Type("object") if name.startswith("MAP<") else _BY_CEL.get(name, ANY)


def _kind(schema: Mapping[str, Json]) -> tuple[Kind, bool]:
    """The kind of the values that fit a schema, and whether null fits beside."""
    names = declared_types(schema)
    allowed = schema.get("enum")
    if not names and isinstance(allowed, list):
        names = list(dict.fromkeys(type_name(value) for value in allowed))
    if not names and "const" in schema:
        names = [type_name(schema["const"])]
    others = [name for name in names if name != "null"]
    if set(others) == {"integer", "number"}:
        others = ["number"]
    if not others and names:
        return "null", False
    return (_KINDS.get(others[0], "any") if len(others) == 1 else "any"), "null" in names


def _number(schema: Mapping[str, Json], key: str, default: float) -> float:
    bound = schema.get(key)
    return bound if isinstance(bound, int | float) and not isinstance(bound, bool) else default


def _bounds(schema: Mapping[str, Json]) -> tuple[float, float, bool, bool]:
    low, high = _number(schema, "minimum", -inf), _number(schema, "maximum", inf)
    above, below = _number(schema, "exclusiveMinimum", -inf), _number(schema, "exclusiveMaximum", inf)
    return max(low, above), min(high, below), above >= low and above > -inf, below <= high and below < inf


def _rest(schema: Mapping[str, Json], properties: bool, depth: int) -> tuple[Type | None, bool]:
    """The type of properties that are not declared, and whether there are none. An object whose properties are
    declared has no others unless it says so.
    """
    others = schema.get("additionalProperties")
    if isinstance(others, dict):
        return from_schema(others, depth - 1), False
    return None, others is False or (properties and others is None)


def from_schema(schema: Mapping[str, Json], depth: int = _DEPTH) -> Type:
    """The type of the values that fit a schema, down to `depth` levels."""
    kind, nullable = _kind(schema)
    allowed = schema.get("enum")
    values = tuple(allowed) if isinstance(allowed, list) and len(allowed) <= _MOST_VALUES else None
    if "const" in schema:
        values = (schema["const"],)
    if kind in ("integer", "number"):
        low, high, low_open, high_open = _bounds(schema)
        return Type(kind, values, low, high, low_open, high_open, nullable=nullable)
    if kind == "list":
        items = schema.get("items")
        item = from_schema(items, depth - 1) if isinstance(items, dict) and depth > 0 else ANY
        return Type(kind, item=item, nullable=nullable)
    if kind == "object" and depth > 0:
        declared = schema.get("properties")
        properties = {
            name: from_schema(inner, depth - 1) if isinstance(inner, dict) else ANY
            for name, inner in (declared.items() if isinstance(declared, dict) else ())
        }
        item_type, closed = _rest(schema, bool(properties), depth)
        return Type(kind, item=item_type, properties=properties or None, closed=closed, nullable=nullable)
    if kind == "boolean" and values is None:
        return Type(kind, BOOLEAN.values, nullable=nullable)
    return Type(kind, values, nullable=nullable)


def of_value(value: Json) -> Type:
    """The type of one value that is known."""
    if isinstance(value, dict):
        return Type("object", properties={name: of_value(inner) for name, inner in value.items()}, closed=True)
    if isinstance(value, list):
        return list_of(union(of_value(item) for item in value))
    return Type(_KINDS[type_name(value)], (value,))


def schema_of(kind: Type) -> dict[str, Json]:
    """The schema of the values of a type, without its bounds; empty where it is open."""
    name = _NAMES.get(kind.kind)
    if name is None:
        return {"enum": list(kind.values)} if kind.values else {}
    found: dict[str, Json] = {"type": [name, "null"] if kind.nullable else name}
    if kind.values and kind.kind not in ("boolean", "null"):
        found["enum"] = list(kind.values)
    if kind.kind == "list" and kind.item is not None and (items := schema_of(kind.item)):
        found["items"] = items
    if kind.properties:
        found["properties"] = {key: schema_of(inner) for key, inner in kind.properties.items()}
    if kind.kind == "object" and kind.item is not None:
        found["additionalProperties"] = schema_of(kind.item)
    elif kind.properties and not kind.closed:
        found["additionalProperties"] = True
    return found


def union(types: Iterable[Type]) -> Type:
    """The type of a value that is one of these."""
    known = list(types)
    if not known:
        return ANY
    found = known[0]
    for other in known[1:]:
        found = _both(found, other)
    return found


def _both(left: Type, right: Type) -> Type:
    if left == right:
        return left
    if "null" in (left.kind, right.kind):
        some = right if left.kind == "null" else left
        return some if some.kind == "any" else replace(some, nullable=True, values=_joined(left, right))
    values = _joined(left, right)
    nullable = left.nullable or right.nullable
    if left.numeric and right.numeric:
        kind: Kind = "integer" if left.kind == right.kind == "integer" else "number"
        low, high = min(left.low, right.low), max(left.high, right.high)
        mixed = left.kind != right.kind or left.mixed or right.mixed
        return Type(kind, values, low, high, nullable=nullable, mixed=mixed)
    if left.kind != right.kind:
        return Type("any", values)
    if left.kind == "list":
        return Type("list", item=_both(left.item or ANY, right.item or ANY), nullable=nullable)
    if left.kind == "object":
        return Type("object", nullable=nullable)
    return Type(left.kind, values, nullable=nullable)


def _joined(left: Type, right: Type) -> tuple[Json, ...] | None:
    if left.values is None or right.values is None or len(left.values) >= _MOST_VALUES:
        return None
    return (*left.values, *(value for value in right.values if not any(same(value, one) for one in left.values)))


def within(kind: Type, value: float) -> bool:
    """Whether a number lies between the bounds."""
    above = value > kind.low or (value == kind.low and not kind.low_open)
    return above and (value < kind.high or (value == kind.high and not kind.high_open))


def bounds_text(kind: Type) -> str:
    """The bounds as words: `at least 1 and at most 8`; "" for none."""
    words = []
    if kind.low > -inf:
        words.append(f"{'more than' if kind.low_open else 'at least'} {kind.low:g}")
    if kind.high < inf:
        words.append(f"{'less than' if kind.high_open else 'at most'} {kind.high:g}")
    return " and ".join(words)
