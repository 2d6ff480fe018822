"""What is known behind a condition: types that it narrows, and names that it has asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Protocol

from runner.compiler.expressions.compare import flipped, narrowed, opposite
from runner.compiler.expressions.tree import Binary, Call, Items, Literal, Logic, Tree, Unary, is_plain, path_of
from runner.compiler.expressions.types import Type, union
from runner.records import dataclass

_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Facts:
    """`types` by dotted name; `there` are names that are certain to have a value."""

    types: Mapping[str, Type] = field(default_factory=dict)
    there: frozenset[str] = frozenset()


class Knower(Protocol):
    """What is asked for the types of parts."""

    facts: Facts

    def quietly(self, tree: Tree) -> Type:
        """The type of a part, without telling its troubles."""


def learned(knower: Knower, tree: Tree, value: bool) -> Facts:
    """The facts where `tree` is true (or false, by `value`) beside those that hold already."""
    match tree:
        case Unary(operator="!", operand=operand):
            return learned(knower, operand, not value)
        case Logic(operator=operator, operands=operands):
            return _all(knower, operands, value) if (operator == "&&") is value else knower.facts
        case Binary(operator="in"):
            return _member(knower, tree, value)
        case Binary(operator=operator) if operator in _COMPARISONS:
            return _compared(knower, tree, operator if value else opposite(operator))
        case Call(of=None, name="has", args=[asked]) if value:
            return _there(knower.facts, path_of(asked))
    path = path_of(tree)
    if path is not None and knower.quietly(tree).kind == "boolean":
        return _with(knower.facts, path, replace(knower.quietly(tree), values=(value,)))
    return knower.facts


def _all(knower: Knower, operands: list[Tree], value: bool) -> Facts:
    before = knower.facts
    for operand in operands:
        knower.facts = learned(knower, operand, value)
    found, knower.facts = knower.facts, before
    return found


def _with(facts: Facts, path: list[str], kind: Type) -> Facts:
    return replace(facts, types={**facts.types, ".".join(path): kind})


def _there(facts: Facts, path: list[str] | None) -> Facts:
    return facts if path is None else replace(facts, there=facts.there | {".".join(path)})


def _compared(knower: Knower, tree: Binary, operator: str) -> Facts:
    before = knower.facts
    for side, other, sign in ((tree.left, tree.right, operator), (tree.right, tree.left, flipped(operator))):
        path = path_of(side)
        if path is not None and is_plain(other):
            kind = narrowed(knower.quietly(side), sign, knower.quietly(other))
            knower.facts = _with(knower.facts, path, kind)
    found, knower.facts = knower.facts, before
    return found


def _member(knower: Knower, tree: Binary, value: bool) -> Facts:
    path = path_of(tree.left)
    if isinstance(tree.right, Items) and path is not None and is_plain(tree.right):
        kind = knower.quietly(tree.left)
        if value and tree.right.items:
            allowed = union([knower.quietly(item) for item in tree.right.items])
            kind = narrowed(kind, "==", allowed)
        elif not value:
            for item in tree.right.items:
                kind = narrowed(kind, "!=", knower.quietly(item))
        return _with(knower.facts, path, kind)
    holder = path_of(tree.right)
    if value and holder is not None and isinstance(tree.left, Literal) and isinstance(tree.left.value, str):
        return _there(knower.facts, [*holder, tree.left.value])
    return knower.facts
