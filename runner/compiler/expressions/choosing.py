"""`a && 'x' || 'y'` and `a || 'x'`: how other languages choose a value."""

from __future__ import annotations

from runner.compiler.expressions.tree import Literal, Logic, Tree, path_of
from runner.compiler.expressions.trouble import Change, Trouble
from runner.compiler.expressions.types import Type, union
from runner.compiler.expressions.walker import Walker

_MESSAGE = "`&&` and `||` take and give true or false, they choose no value"


def chosen(walk: Walker, tree: Logic) -> Type | None:
    """The type of what is meant to be chosen, and one trouble that says how it is written; None for a condition."""
    if tree.operator != "||" or len(tree.operands) != 2 or not _is_value(tree.operands[1]):
        return None
    first, otherwise = tree.operands
    if isinstance(first, Logic) and first.operator == "&&" and _is_value(first.operands[-1]):
        return _choice(walk, tree, first, otherwise)
    if path_of(first) is None or (kind := walk.quietly(first)).kind == "boolean":
        return None
    walk.type(first)
    name = walk.shown(first)
    meant = f"{name} != '' ? {name} : {walk.shown(otherwise)}" if kind.kind == "text" else ""
    _tell(walk, tree, meant)
    return union((kind, walk.type(otherwise)))


def _choice(walk: Walker, tree: Logic, first: Logic, otherwise: Tree) -> Type:
    *conditions, then = first.operands
    for condition in conditions:
        walk.condition(condition, "what stands beside `&&`")
    parts = [walk.shown(one) for one in conditions]
    meant = f"{' && '.join(parts)} ? {walk.shown(then)} : {walk.shown(otherwise)}"
    is_plain = all(not isinstance(one, Logic) for one in conditions)  # one in brackets would lose them
    _tell(walk, tree, meant if is_plain or len(conditions) == 1 else "")
    return union((walk.type(then), walk.type(otherwise)))


def _tell(walk: Walker, tree: Logic, meant: str) -> None:
    change = Change(tree.start, tree.end, meant) if meant else None
    walk.add(Trouble("type", _MESSAGE, tree.start, tree.end, f"write {meant or 'condition ? a : b'}", change))


def _is_value(tree: Tree) -> bool:
    return isinstance(tree, Literal) and tree.kind != "boolean"
