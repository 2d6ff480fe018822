"""What things are called in messages."""

from __future__ import annotations

from typing import Any

from runner.compiler.suggest import listed

_TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "`true` or `false`",
    "array": "a list",
    "object": "a map",
    "null": "nothing",
}
_TITLES = {
    "duration": "a duration such as `30s`, `10m` or `1h30m`",
    "size": "a size such as `512MiB` or `2GiB`",
    "id": "an id such as `build_site`",
    "name": "a name such as `build-site`",
    "variable": "the name of an environment variable such as `NPM_TOKEN`",
    "item": "a name such as `item` that means nothing else in expressions",
    "date": "a date such as `2030-01-31`",
    "id or list of ids": "a list of ids such as `[build, test]`",
    "matrix axis": "a list of values, or one expression `${{ … }}` that gives a list",
    "for_each": "one expression `${{ … }}` that gives a list, or a map with `items`",
    "list": "a list, or one expression `${{ … }}` that gives a list",
    "spec path": "the path of a spec such as `build.yaml` or `build.yaml#name`",
    "file source": "a path, or a map with `from`",
}
BAD_PATTERN = {
    "duration": "bad-duration",
    "size": "bad-size",
    **dict.fromkeys(("id", "name", "variable", "item"), "bad-id"),
}
RULES = {
    "duration": "numbers with the units w, d, h, m, s, ms, the largest first",
    "size": "a number with B, KiB, MiB, GiB, TiB (times 1024) or kB, MB, GB (times 1000)",
    "id": "lower-case letters, digits and `_`, first a letter, at most 64 characters",
    "name": "lower-case letters, digits and `-`, first a letter, at most 64 characters",
    "variable": "letters, digits and `_`, first no digit",
    "item": "lower-case letters, digits and `_`, first a letter; not `inputs`, `steps`, `matrix`, `in` and the like",
    "id or list of ids": "ids are lower-case letters, digits and `_`, first a letter, at most 64 characters",
    "date": "year-month-day, with two digits for month and day",
    "matrix axis": "write a list, or exactly one expression: ${{ range(3) }}",
    "for_each": "write exactly one expression: ${{ inputs.files }}",
    "list": "write a list, or exactly one expression: ${{ inputs.files }}",
}
NO_BREAK = "\u00a0"


def expected(schema: dict[str, Any]) -> str:
    """What the schema wants, as a phrase."""
    title = schema.get("title")
    if isinstance(title, str) and title in _TITLES:
        return _TITLES[title]
    types = schema.get("type", [])
    names = [_TYPES[name] for name in ([types] if isinstance(types, str) else types)]
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} or {names[-1]}"


def found(value: object) -> str:
    """What a value is, as a phrase."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"the boolean `{str(value).lower()}`"
    if isinstance(value, int | float):
        return f"the number `{value}`"
    if isinstance(value, str):
        return f"the text `{shown(value)}`"
    return "a list" if isinstance(value, list) else "a map"


def shown(value: object) -> str:
    """A value inside a message: one line, not long."""
    text = str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
    one = " ".join(text.split())
    return one if len(one) <= 40 else one[:39] + "…"


def flow(value: object) -> str:
    """A value as it is written in a spec on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in value.items()) + "}"
    return "[" + ", ".join(map(flow, value)) + "]" if isinstance(value, list) else shown(value)


def keys_listed(keys: list[str], most: int = 12) -> str:
    """The keys as a phrase, cut after `most`."""
    if len(keys) <= most:
        return listed(keys, "and")
    return f"{', '.join(f'`{key}`' for key in keys[:most])} and {len(keys) - most} more (`runner schema` prints all)"
