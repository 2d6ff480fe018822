"""Inside an expression: which names may follow what is written, and the type of the one at a place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runner.compiler.expressions.signatures import MACROS, Signature, signatures
from runner.compiler.expressions.symbols import Scope
from runner.compiler.expressions.types import ANY, Type

_CHAIN = re.compile(r"[A-Za-z_]\w*(?:\.\w*)*$")
_CALL = re.compile(r"(?P<name>[A-Za-z_][\w.]*)\s*\(")
_STRING = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
# A name and what it is compared with: `inputs.target == 'pr`, `inputs.target in ['dev', 'pr`.
_COMPARED = re.compile(
    r"""(?P<name>[A-Za-z_]\w*(?:\.\w+)*)\s*(?:[=!]=|in\s*\[(?:[^\]]*,)?)\s*(?P<quote>['"]?)(?P<word>[\w-]*)$"""
)


@dataclass(frozen=True, slots=True)
class Name:
    """A name that may stand in an expression, and what is behind it."""

    name: str
    kind: str  # namespace, value, function
    detail: str = ""
    note: str = ""


def typed(kind: Type) -> str:
    """A type in words, with its values."""
    if kind.values is not None and len(kind.values) == 2 and kind.kind == "boolean":
        return "boolean"
    if kind.values is not None:
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in kind.values)
    bounds = [f"≥ {kind.low:g}"] if kind.low > float("-inf") else []
    bounds += [f"≤ {kind.high:g}"] if kind.high < float("inf") else []
    inner = f" of {typed(kind.item)}" if kind.kind == "list" and kind.item is not None else ""
    return kind.kind + inner + (f" ({', '.join(bounds)})" if bounds else "") + (" or null" if kind.nullable else "")


def type_of(dotted: str, scope: Scope) -> Type | None:
    """The type of a dotted name; None for what is not known here."""
    words = dotted.split(".")
    for count in range(len(words), 0, -1):
        symbol = scope.table.get(".".join(words[:count]))
        if symbol is not None:
            return _below(symbol.known, words[count:])
    return None


def _below(kind: Type, words: list[str]) -> Type | None:
    for word in words:
        inner = (kind.properties or {}).get(word)
        if inner is None:
            return None if kind.closed else ANY
        kind = inner
    return kind


def names_after(written: str, scope: Scope) -> tuple[str, list[Name]]:
    """What is written of the last name, and the names it may become."""
    found = _CHAIN.search(written)
    chain = found[0] if found else ""
    prefix, _, word = chain.rpartition(".")
    if not prefix:
        known = (one for one in signatures().values() if not one.method)
        return word, [*_roots(scope), *(Name(one.name, "function", one.form, typed(one.result)) for one in known)]
    below = _members(prefix, scope)
    return word, below or _methods(prefix, scope)


def _roots(scope: Scope) -> list[Name]:
    own = [path for path in scope.table if "." not in path]
    used = [root for root in scope.roots if any(path.startswith(f"{root}.") for path in scope.table)]
    return [Name(root, "namespace" if root in used else "value") for root in dict.fromkeys([*used, *own])]


def _members(prefix: str, scope: Scope) -> list[Name]:
    depth = prefix.count(".") + 1
    found: dict[str, Name] = {}
    for path, symbol in scope.table.items():
        if path.startswith(prefix + "."):
            word = path.split(".")[depth]
            detail = typed(symbol.known) if path == f"{prefix}.{word}" else ""
            found.setdefault(word, Name(word, "value" if detail else "namespace", detail))
    kind = type_of(prefix, scope)
    properties: Mapping[str, Type] = (kind.properties if kind else None) or {}
    for word, inner in properties.items():
        found.setdefault(word, Name(word, "value", typed(inner)))
    hidden = scope.hidden if prefix == "steps" else {}
    return [one for one in found.values() if one.name not in hidden]


def _methods(prefix: str, scope: Scope) -> list[Name]:
    kind = type_of(prefix, scope)
    if kind is None:
        return []
    found = [Name(one.name[1:], "function", one.form, typed(one.result)) for one in _callable(kind)]
    if kind.kind in ("list", "object", "any"):
        found += [Name(name, "function", f"x.{name}(item, …)") for name in MACROS]
    return found


def _callable(kind: Type) -> list[Signature]:
    """The methods that a value of that type has."""
    every = (one for one in signatures().values() if one.method)
    words: set[str] = {kind.kind}
    if kind.kind == "list" and (kind.item is None or kind.item.kind in ("text", "any")):
        words.add("texts")  # a list of texts has methods of its own
    return [one for one in every if kind.kind == "any" or words.intersection(one.parameters[0])]


def in_text(written: str) -> bool:
    """Whether a text is open at the end: no name stands there."""
    return bool(re.search("['\"]", _STRING.sub("", written)))


def values_after(written: str, scope: Scope) -> tuple[str, str, list[str]]:
    """What is written of a value that a name is compared with, its quote, and the values that the name may have."""
    found = _COMPARED.search(written)
    kind = type_of(found["name"], scope) if found else None
    if found is None or kind is None:
        return "", "", []
    texts = [value for value in kind.values or () if isinstance(value, str)]
    return found["word"], found["quote"], texts


@dataclass(frozen=True, slots=True)
class Call:
    """A function where it is called: its name's place, how it is called, and the type that it gives."""

    start: int
    end: int
    form: str
    result: Type


def calls(text: str) -> Iterator[Call]:
    """The functions that an expression calls."""
    known = signatures()
    for found in _CALL.finditer(text):
        name = found["name"]
        one = known.get(name) or known.get(f".{name.rpartition('.')[2]}")
        if one is not None:
            yield Call(found.end("name") - len(one.name.removeprefix(".")), found.end("name"), one.form, one.result)
