"""Do JSON values fit the types a spec declares? The subset of JSON Schema that inputs and outputs use.

Types, `enum`, `const`, bounds, lengths, `pattern`, `items`, `properties`, `required`, `additionalProperties`.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping

from runner.compiler.canonical import Json
from runner.compiler.suggest import did_you_mean, listed

#: Lists and maps inside each other.
MAX_DEPTH = 64


TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")


def type_name(value: Json) -> str:
    """The JSON Schema type of a value; whole numbers are `integer`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def shown(value: Json) -> str:
    """A value in a message, shortened."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def same(left: Json, right: Json) -> bool:
    """Equal as JSON: `1` is not `true`, but `1` is `1.0`."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def declared_types(schema: Mapping[str, Json]) -> list[str]:
    """The types a schema allows; empty when it does not say, or names one that there is not."""
    written = schema.get("type")
    names = written if isinstance(written, list) else [written]
    return [name for name in names if name in TYPES]


def _has_type(value: Json, name: str) -> bool:
    actual = type_name(value)
    if name == "number":
        return actual in ("integer", "number")
    return actual == name or (name == "integer" and isinstance(value, float) and value.is_integer())


def problems(schema: Mapping[str, Json], value: Json, where: str = "") -> Iterator[str]:
    """Sentences about what does not fit, none when the value fits. `where` names the value's place (`a.b[0]`)."""
    at = f"{where}: " if where else ""
    types = declared_types(schema)
    if types and not any(_has_type(value, name) for name in types):
        yield f"{at}{shown(value)} is of type {type_name(value)}, not {listed(types)}"
        return
    allowed = schema.get("enum")
    if isinstance(allowed, list) and not any(same(value, item) for item in allowed):
        hint = (
            did_you_mean(value, [item for item in allowed if isinstance(item, str)]) if isinstance(value, str) else ""
        )
        yield f"{at}{shown(value)} is not one of {', '.join(shown(item) for item in allowed)}" + (hint and f"; {hint}")
    if "const" in schema and not same(value, schema["const"]):
        yield f"{at}{shown(value)} is not {shown(schema['const'])}"
    if isinstance(value, str):
        yield from (at + sentence for sentence in _text_problems(schema, value))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from (at + sentence for sentence in _number_problems(schema, value))
    elif isinstance(value, list):
        yield from _list_problems(schema, value, where)
    elif isinstance(value, dict):
        yield from _map_problems(schema, value, where)


def _bound(schema: Mapping[str, Json], key: str) -> float | None:
    bound = schema.get(key)
    return bound if isinstance(bound, int | float) and not isinstance(bound, bool) else None


_BOUNDS: tuple[tuple[str, Callable[[float, float], bool], str], ...] = (
    ("minimum", operator.lt, "less than the minimum"),
    ("maximum", operator.gt, "more than the maximum"),
    ("exclusiveMinimum", operator.le, "not more than"),
    ("exclusiveMaximum", operator.ge, "not less than"),
    ("multipleOf", lambda value, step: step > 0 and value % step != 0, "not a multiple of"),
)


def _number_problems(schema: Mapping[str, Json], value: float) -> Iterator[str]:
    for key, wrong, words in _BOUNDS:
        bound = _bound(schema, key)
        if bound is not None and wrong(value, bound):
            yield f"{shown(value)} is {words} {bound:g}"


def _length_problems(schema: Mapping[str, Json], length: int, least: str, most: str, unit: str) -> Iterator[str]:
    low, high = _bound(schema, least), _bound(schema, most)
    if low is not None and length < low:
        yield f"has {length} {unit}, at least {low:g} are needed"
    if high is not None and length > high:
        yield f"has {length} {unit}, at most {high:g} are allowed"


def _text_problems(schema: Mapping[str, Json], value: str) -> Iterator[str]:
    for sentence in _length_problems(schema, len(value), "minLength", "maxLength", "characters"):
        yield f"{shown(value)} {sentence}"
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        try:
            fits = re.search(pattern, value) is not None
        except re.error:
            return  # a bad pattern is reported where it is declared
        if not fits:
            yield f"{shown(value)} does not match the pattern {pattern}"


def _list_problems(schema: Mapping[str, Json], value: list[Json], where: str) -> Iterator[str]:
    at = f"{where}: " if where else ""
    for sentence in _length_problems(schema, len(value), "minItems", "maxItems", "items"):
        yield f"{at}the list {sentence}"
    items, unique = schema.get("items"), schema.get("uniqueItems") is True
    seen: set[str] = set()
    for number, item in enumerate(value):
        if isinstance(items, dict):
            yield from problems(items, item, f"{where}[{number}]")
        if unique:
            key = json.dumps(_plain_numbers(item), sort_keys=True)
            if key in seen:
                yield f"{where}[{number}]: {shown(item)} is in the list twice"
            seen.add(key)


def _plain_numbers(value: Json) -> Json:
    """Equal numbers in one form: `1.0` as `1`."""
    if isinstance(value, list):
        return [_plain_numbers(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain_numbers(item) for name, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _map_problems(schema: Mapping[str, Json], value: dict[str, Json], where: str) -> Iterator[str]:
    prefix = f"{where}." if where else ""
    at = f"{where}: " if where else ""
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if isinstance(name, str) and name not in value:
            yield f"{at}`{name}` is missing"
    rest = schema.get("additionalProperties")
    for name, item in value.items():
        declared = properties.get(name)
        if isinstance(declared, dict):
            yield from problems(declared, item, f"{prefix}{name}")
        elif declared is None and rest is False:
            yield f"{at}`{name}` is not allowed; allowed: {listed(properties, 'and') or 'nothing'}"
        elif declared is None and isinstance(rest, dict):
            yield from problems(rest, item, f"{prefix}{name}")


def coerced(schema: Mapping[str, Json], value: Json) -> Json:
    """The value in the Python type that expressions expect: a whole number declared as `number` becomes a float,
    `3.0` declared as `integer` becomes 3. Lists and maps are converted inside.
    """
    types = declared_types(schema)
    if isinstance(value, int) and not isinstance(value, bool) and "number" in types and "integer" not in types:
        return float(value)
    if isinstance(value, float) and value.is_integer() and "integer" in types and "number" not in types:
        return int(value)
    items, properties = schema.get("items"), schema.get("properties")
    if isinstance(value, list) and isinstance(items, dict):
        return [coerced(items, item) for item in value]
    if isinstance(value, dict) and isinstance(properties, dict):
        inner = {name: each for name, each in properties.items() if isinstance(each, dict)}
        return {name: coerced(inner.get(name, {}), item) for name, item in value.items()}
    return value


def unfit(value: Json, depth: int = 0) -> str:
    """What keeps a value from being stored and handed on, though it could be read as JSON; "" for nothing."""
    if depth > MAX_DEPTH:
        return f"lists and maps are nested more than {MAX_DEPTH} deep"
    if isinstance(value, float) and not math.isfinite(value):
        return "the number is too large"
    if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
        return "it is not Unicode text"
    inside = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return next(filter(None, (unfit(each, depth + 1) for each in inside)), "")
