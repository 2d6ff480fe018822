"""The types of operators: what they take, what they give, and which comparisons make no sense."""

from __future__ import annotations

from dataclasses import replace

from runner.compiler.expressions.comparing import OPAQUE, advice, compared, member
from runner.compiler.expressions.names import Part, property_of, with_dash
from runner.compiler.expressions.promote import has_mixed
from runner.compiler.expressions.tree import Binary, Index, Literal, Unary, number_of
from runner.compiler.expressions.trouble import Trouble
from runner.compiler.expressions.types import (
    ANY,
    BOOLEAN,
    DURATION,
    INTEGER,
    NUMBER,
    TEXT,
    TIMESTAMP,
    Type,
    from_schema,
    list_of,
    union,
)
from runner.compiler.expressions.walker import Walker, boolean
from runner.compiler.suggest import listed

_WHOLE = "convert the integer: double(x)"


def operation(walk: Walker, tree: Unary | Binary | Index) -> Type:
    """What an operator gives; its troubles are noted."""
    if isinstance(tree, Unary):
        return signed(walk, tree)
    return indexed(walk, tree) if isinstance(tree, Index) else combined(walk, tree)


# ---------------------------------------------------------------- one operand


def signed(walk: Walker, tree: Unary) -> Type:
    """`!x` and `-x`."""
    if tree.operator == "!":
        value = walk.condition(tree.operand, "what stands behind `!`")
        return boolean(None if value is None else not value)
    written = number_of(tree)
    kind = walk.type(tree.operand)
    if written is not None:
        return replace(from_schema({"const": written}), kind=kind.kind)
    if not kind.numeric and kind.kind != "any":
        walk.tell(
            "type", f"`-` takes a number, `{walk.shown(tree.operand)}` is {kind}", tree.operand, advice(kind, NUMBER)
        )
        return ANY
    return Type(kind.kind)


def indexed(walk: Walker, tree: Index) -> Type:
    """`x[key]`: an item of a list, a property of an object."""
    of, key = walk.type(tree.of), walk.type(tree.key)
    if of.kind == "list":
        return _item(walk, tree, of, key)
    if of.kind == "object":
        if isinstance(tree.key, Literal) and isinstance(tree.key.value, str):
            part = Part(tree.key.value, tree.key.start + 1, tree.key.end - 1)
            found = property_of(of, part, walk.shown(tree.of))
            if isinstance(found, Trouble):
                walk.add(found)
                return ANY
            return found
        if key.kind not in ("text", "any"):
            walk.tell("type", f"the key of an object is text, `{walk.shown(tree.key)}` is {key}", tree.key)
        _all_keys(walk, tree, of, key)
        values = [*(of.properties or {}).values(), *([of.item] if of.item else [])]
        return union(values) if values and of.closed else ANY
    if of.kind != "any":
        hint = "a part of a text is x.charAt(0) or x.substring(0, 3)" if of.kind == "text" else ""
        walk.tell("type", f"`{walk.shown(tree.of)}` is {of}, which has no items", tree.of, hint or advice(of, of))
    return ANY


def _all_keys(walk: Walker, tree: Index, of: Type, key: Type) -> None:
    """Of a map that is written out: each word of the key must be one of its keys."""
    gone = [value for value in key.values or () if isinstance(value, str) and value not in (of.properties or {})]
    if of.closed and gone and key.kind == "text":
        words = f"{listed(gone)}, for which there is no value"
        hint = f"add {listed(gone, 'and')}, or ask first: x in {{…}}"
        walk.tell("value", f"`{walk.shown(tree.key)}` may be {words}", tree.key, hint)


def _item(walk: Walker, tree: Index, of: Type, key: Type) -> Type:
    if key.kind not in ("integer", "any"):
        hint = "take an item first: x[0].name" if key.kind == "text" else "the first one is x[0]"
        walk.tell(
            "type", f"an item of a list is named by an integer, `{walk.shown(tree.key)}` is {key}", tree.key, hint
        )
    elif key.kind == "integer" and _ends(key)[1] < 0:
        walk.tell("type", "a list has no items before its first, x[0]", tree.key, "the last one is x[size(x) - 1]")
    return of.item or ANY


# ---------------------------------------------------------------- two operands


def combined(walk: Walker, tree: Binary) -> Type:
    """`a + b`, `a < b`, `a in b`, and so on."""
    dashed = with_dash(tree, walk.scope) if tree.operator == "-" else None
    if dashed is not None:
        walk.add(dashed)
        return ANY
    left, right = walk.type(tree.left), walk.type(tree.right)
    for side, kind in ((tree.left, left), (tree.right, right)):
        if kind.kind == "secret":
            walk.tell("type", f"`{tree.operator}` cannot be applied to a secret", side, OPAQUE)
            return BOOLEAN if tree.operator not in "+-*/%" else ANY
        if kind.nullable and tree.operator not in ("==", "!=", "in"):
            message = f"`{tree.operator}` cannot be applied to null, and `{walk.shown(side)}` is {kind}"
            walk.tell("type", message, side, "ask first whether it is there: x != null ? … : …")
            return ANY if tree.operator in "+-*/%" else BOOLEAN
    if tree.operator == "in":
        return member(walk, tree, left, right)
    if tree.operator in ("==", "!=", "<", "<=", ">", ">="):
        return compared(walk, tree, left, right)
    return _computed(walk, tree, left, right)


# ---------------------------------------------------------------- arithmetic

_SUMS: dict[tuple[str, str, str], Type] = {
    ("text", "+", "text"): TEXT,
    ("bytes", "+", "bytes"): Type("bytes"),
    ("timestamp", "+", "duration"): TIMESTAMP,
    ("duration", "+", "timestamp"): TIMESTAMP,
    ("duration", "+", "duration"): DURATION,
    ("timestamp", "-", "timestamp"): DURATION,
    ("timestamp", "-", "duration"): TIMESTAMP,
    ("duration", "-", "duration"): DURATION,
}


def _computed(walk: Walker, tree: Binary, left: Type, right: Type) -> Type:
    if "any" in (left.kind, right.kind):
        return _open_sum(walk, tree, left, right)
    if left.kind == right.kind == "list" and tree.operator == "+":
        return list_of(union((left.item or ANY, right.item or ANY)))
    if left.numeric and right.numeric:
        return _number(walk, tree, left, right)
    if left.kind == right.kind == "uint":
        return left
    found = _SUMS.get((left.kind, tree.operator, right.kind))
    if found is not None:
        return found
    _tell_sum(walk, tree, left, right)
    return ANY


def _open_sum(walk: Walker, tree: Binary, left: Type, right: Type) -> Type:
    """One side is not known: the other one must be something to compute with."""
    for side, kind in ((tree.left, left), (tree.right, right)):
        if kind.kind in ("boolean", "null", "object") or (kind.kind in ("text", "list") and tree.operator != "+"):
            message = f"`{tree.operator}` cannot be applied to `{walk.shown(side)}`, which is {kind}"
            walk.tell("type", message, side, advice(kind, kind))
    return ANY


def _tell_sum(walk: Walker, tree: Binary, left: Type, right: Type) -> None:
    wrong, kind, other = tree.right, right, left
    if not (left.numeric or left.kind in ("text", "list", "duration", "timestamp")) or (
        left.kind == "text" and tree.operator != "+"
    ):
        wrong, kind, other = tree.left, left, right
    if left.kind == "text" and tree.operator == "+":
        hint = f"convert it: string({walk.shown(wrong)})"
    elif right.kind == "text" and tree.operator == "+":
        hint = f"convert it: string({walk.shown(tree.left)})"
        wrong, kind, other = tree.left, left, right
    else:
        hint = advice(kind, other)
    message = f"`{tree.operator}` cannot be applied to {left} and {right}: `{walk.shown(wrong)}` is {kind}"
    walk.tell("type", message, wrong, hint)


def _number(walk: Walker, tree: Binary, left: Type, right: Type) -> Type:
    if tree.operator in "/%" and number_of(tree.right) == 0 and right.kind == "integer":
        walk.tell("type", f"`{tree.operator}` by zero has no result", tree.right, "divide by another number")
        return ANY
    if tree.operator == "%":
        for side, kind in ((tree.left, left), (tree.right, right)):
            if kind.kind == "number":
                walk.tell("type", f"`%` takes integers, `{walk.shown(side)}` is {kind}", side, "convert it: int(x)")
                return ANY
        return INTEGER
    if left.kind == right.kind == "integer":
        return _between(tree.operator, left, right)
    sides = ((tree.left, left), (tree.right, right))
    if any(number_of(side) is not None for side, _ in sides):
        return NUMBER
    for side, kind in sides:
        if kind.kind == "integer" or (kind.mixed and not has_mixed(side)):
            is_one = "is" if kind.kind == "integer" else "may be"
            message = f"`{tree.operator}` of a number and an integer: `{walk.shown(side)}` {is_one} an integer"
            walk.tell("type", message, side, _WHOLE)
            return NUMBER
    return NUMBER


def _between(operator: str, left: Type, right: Type) -> Type:
    """The bounds of a sum of integers."""
    first, second = _ends(left), _ends(right)
    if operator == "+":
        return Type("integer", low=first[0] + second[0], high=first[1] + second[1])
    if operator == "-":
        return Type("integer", low=first[0] - second[1], high=first[1] - second[0])
    return INTEGER


def _ends(kind: Type) -> tuple[float, float]:
    numbers = [value for value in kind.values or () if isinstance(value, int | float)]
    return (min(numbers), max(numbers)) if numbers else (kind.low, kind.high)
