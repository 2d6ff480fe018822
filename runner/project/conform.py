"""`runner.toml` against schemas/settings.v1.schema.json: what does not fit is told, and left out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from runner.compiler.diagnostic import Diagnostic, Fix, Span, error
from runner.compiler.schemas import schema_path
from runner.compiler.suggest import certain, did_you_mean, listed, nearest
from runner.project.toml import Path, Table
from runner.records import dataclass

_MEANING = {
    "duration": 'a duration in quotes, such as "90s" or "15m"',
    "ShellCheck code": 'a code such as "SC2086"',
}


@lru_cache(maxsize=1)
def settings_schema() -> dict[str, Any]:
    """The schema of `runner.toml`."""
    loaded: dict[str, Any] = json.loads(schema_path("settings.v1.schema.json").read_text(encoding="utf-8"))
    return loaded


@dataclass(frozen=True, slots=True)
class _Walk:
    """A table under examination, and the findings so far."""

    table: Table
    file: str
    findings: list[Diagnostic]

    def tell(self, code: str, message: str, span: Span, hint: str, fix: Fix | None = None) -> None:
        self.findings.append(error(code, message, span, hint, fix=fix))

    def place(self, path: Path) -> Span:
        """Where a value is; for a table its key."""
        return self.table.values.get(path) or self.table.keys.get(path) or Span(self.file, 1, 1, 1, 1)


def conforming(table: Table, file: str) -> tuple[dict[str, Any], list[Diagnostic]]:
    """The content of a table without what breaks the schema, and what that is, in the order of the text."""
    walk = _Walk(table, file, [])
    content = _checked(table.content, settings_schema(), (), walk)
    return content if isinstance(content, dict) else {}, sorted(walk.findings, key=lambda one: one.sort_key)


def _checked(value: object, schema: dict[str, Any], path: Path, walk: _Walk) -> object:
    """The value as far as it fits, else None."""
    if "$ref" in schema:
        schema = {**schema, **settings_schema()["$defs"][schema["$ref"].rpartition("/")[2]]}
    for fits, wanted in _requirements(schema):
        if not fits(value):
            name = next((key for key in reversed(path) if isinstance(key, str)), "runner.toml")
            what = f"item {path[-1] + 1} of `{name}`" if path and isinstance(path[-1], int) else f"`{name}`"
            words = [str(word) for word in schema.get("enum", ())]
            near = nearest(value, words) if isinstance(value, str) else []
            span = walk.place(path)
            fix = Fix(f"write `{near[0]}`", span, f'"{near[0]}"', certain(str(value), words)) if near else None
            hint = f"did you mean `{near[0]}`?" if near else _default(schema)
            walk.tell("settings-value", f"{what} must be {wanted}, but is {_shown(value)}", span, hint, fix)
            return None
    if isinstance(value, dict):
        return _map(value, schema, path, walk)
    if isinstance(value, list):
        items = [_checked(item, schema["items"], (*path, index), walk) for index, item in enumerate(value)]
        return [item for item in items if item is not None]
    return value


def _map(value: dict[str, Any], schema: dict[str, Any], path: Path, walk: _Walk) -> dict[str, Any]:
    known: dict[str, Any] = schema.get("properties", {})
    others = schema.get("additionalProperties")
    out = {}
    for key, inner in value.items():
        if key not in known and not others:
            _unknown(key, list(known), path, walk)
        elif (fitting := _checked(inner, known.get(key) or others or {}, (*path, key), walk)) is not None:
            out[key] = fitting
    for key in schema.get("required", ()):
        if key not in value:
            walk.tell("settings-key", f"the key `{key}` is missing here", walk.place(path), f"add `{key} = …`")
    return out


def _unknown(key: str, known: list[str], path: Path, walk: _Walk) -> None:
    names = [name for name in path if isinstance(name, str)]
    where = f"`{'.'.join(names)}`" if names else "runner.toml"
    span = walk.table.keys.get((*path, key)) or walk.place(path)
    near = nearest(key, known)
    fix = Fix(f"rename it to `{near[0]}`", span, near[0], certain(key, known)) if near else None
    hint = did_you_mean(key, known) or f"allowed here: {listed(known)}"
    walk.tell("settings-key", f"{where} has no key `{key}`", span, hint, fix)


def _requirements(schema: dict[str, Any]) -> Iterator[tuple[Callable[[Any], bool], str]]:
    """What a value must be, with its words."""
    if "enum" in schema:
        words = schema["enum"]
        yield lambda value: value in words, listed(f'"{word}"' for word in words).replace("`", "")
    kind = schema.get("type")
    if kind in _KINDS:
        yield _KINDS[kind]
    if "minimum" in schema:
        yield lambda value: value >= schema["minimum"], f"at least {schema['minimum']}"
    if "minLength" in schema:
        yield bool, "a text that is not empty"
    if "pattern" in schema:
        yield lambda value: re.search(schema["pattern"], value) is not None, _MEANING[schema["title"]]


_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "object": (lambda value: isinstance(value, dict), "a table"),
    "array": (lambda value: isinstance(value, list), "a list"),
    "string": (lambda value: isinstance(value, str), "a text"),
    "boolean": (lambda value: isinstance(value, bool), "true or false"),
    "integer": (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
}


def _default(schema: dict[str, Any]) -> str:
    return f"without it: {json.dumps(schema['default'])}" if "default" in schema else ""


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'the text "{value}"' if len(value) <= 40 else "a long text"
    if isinstance(value, int | float):
        return f"the number {value}"
    return "a list" if isinstance(value, list) else "a table" if isinstance(value, dict) else "a date or a time"
