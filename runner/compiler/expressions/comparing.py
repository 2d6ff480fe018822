"""The types of comparisons and of `in`: which ones make no sense, and which have only one answer."""

from __future__ import annotations

from runner.compiler.expressions.compare import ORDERED, allows, comparable, holds
from runner.compiler.expressions.names import Part, property_of
from runner.compiler.expressions.tree import Binary, Items, Literal, Tree, is_plain, number_of
from runner.compiler.expressions.trouble import Change, Trouble
from runner.compiler.expressions.types import ANY, BOOLEAN, Type, bounds_text
from runner.compiler.expressions.walker import Walker, boolean
from runner.compiler.suggest import certain, listed, nearest
from runner.compiler.values import shown as shown_value

OPAQUE = "a secret is opaque: hand it on whole, in `env` or `stdin`"
_TO_TEXT = "convert with string(x), or the text with int(x) or double(x)"


def advice(kind: Type, other: Type) -> str:
    """What to do about two types that do not go together."""
    kinds = {kind.kind, other.kind}
    if "secret" in kinds:
        return OPAQUE
    if "text" in kinds and kinds & {"integer", "number"}:
        return _TO_TEXT
    if "text" in kinds and kinds & {"timestamp", "duration"}:
        return f"make one of the text: {'timestamp' if 'timestamp' in kinds else 'duration'}(x)"
    if "text" in kinds and "boolean" in kinds:
        return "compare a boolean with true or false, or use it as it is"
    if "list" in kinds:
        return "ask for its length, size(x), or for an item: a in x, x.exists(i, i == a)"
    return "take one of its properties: x.NAME" if "object" in kinds else ""


def _culprit(tree: Binary) -> Tree:
    """The operand to point at: the one that is written out, as it is the easier to change; else the right one."""
    written = [isinstance(side, Literal | Items) or number_of(side) is not None for side in (tree.left, tree.right)]
    return tree.left if written == [True, False] else tree.right


def compared(walk: Walker, tree: Binary, left: Type, right: Type) -> Type:
    """`a == b`, `a < b`, and so on."""
    if not comparable(left, right):
        message = f"`{walk.shown(tree.left)}` is {left} and `{walk.shown(tree.right)}` is {right}: they are never equal"
        if tree.operator not in ("==", "!="):
            message = message.replace("they are never equal", f"`{tree.operator}` cannot compare them")
        walk.tell("type", message, _culprit(tree), advice(left, right))
        return BOOLEAN
    if tree.operator not in ("==", "!="):
        for side, kind in ((tree.left, left), (tree.right, right)):
            if kind.kind not in (*ORDERED, "any"):
                message = f"`{tree.operator}` needs an order, and `{walk.shown(side)}` is {kind}"
                walk.tell("type", message, side, advice(kind, kind))
                return BOOLEAN
    if tree.left == tree.right and not isinstance(tree.left, Literal):
        value = tree.operator in ("==", "<=", ">=")
        walk.constant(tree, value, "both sides are the same")
        return boolean(value)
    if tree.operator in ("==", "!=") and _impossible(walk, tree):
        return boolean(tree.operator == "!=")
    return boolean(_decided(walk, tree, left, right))


def _decided(walk: Walker, tree: Binary, left: Type, right: Type) -> bool | None:
    """Whether the comparison has only one answer; told when the declarations alone make it so."""
    found = holds(tree.operator, left, right)
    if found is None:
        return None
    first, second = walk.declared(tree.left), walk.declared(tree.right)
    if holds(tree.operator, first, second) is not None:
        walk.constant(tree, found, "; ".join(_known(walk, side, kind) for side, kind in _told(tree, first, second)))
    return found


def _told(tree: Binary, left: Type, right: Type) -> list[tuple[Tree, Type]]:
    sides = [(tree.left, left), (tree.right, right)]
    return [(side, kind) for side, kind in sides if not isinstance(side, Literal) and number_of(side) is None]


def _known(walk: Walker, tree: Tree, kind: Type) -> str:
    return f"`{walk.shown(tree)}` is {_possible(kind)}"


def _possible(kind: Type) -> str:
    if kind.values:
        return listed(value if isinstance(value, str) else shown_value(value) for value in kind.values)
    return bounds_text(kind) or str(kind)


def _impossible(walk: Walker, tree: Binary) -> bool:
    """Equality with a value that the other side never has, by its declaration; told."""
    sides = walk.declared(tree.left), walk.declared(tree.right)
    for side, kind, constant in ((tree.left, sides[0], tree.right), (tree.right, sides[1], tree.left)):
        if _is_written(constant) and not isinstance(side, Literal | Items) and _never(walk, side, kind, constant):
            return True
    left, right = sides
    enums = left.values is not None and right.values is not None
    if not enums or _is_written(tree.left) or _is_written(tree.right) or holds("==", left, right) is not False:
        return False
    message = f"{_known(walk, tree.left, left)}, {_known(walk, tree.right, right)}: they are never equal"
    walk.tell("value", message, tree.right)
    return True


def _is_written(tree: Tree) -> bool:
    """Whether a plain value is written there."""
    return (isinstance(tree, Literal) and tree.kind not in ("bytes", "uint")) or number_of(tree) is not None


def _never(walk: Walker, tree: Tree, kind: Type, constant: Tree, *, items: bool = False) -> bool:
    """Tell that a part, or with `items` each item of it, never has the value that is written there; False when it may
    have it.
    """
    other = walk.quietly(constant)
    value = other.values[0] if other.values else None
    if (
        (kind.kind == "any" and kind.values is None)
        or allows(kind, value)
        or (value is not None and kind.kind == "null")
    ):
        return False
    if kind.kind == "boolean" or (number_of(tree) is not None):
        return False
    word = value if isinstance(value, str) else shown_value(value)
    words = [one for one in kind.values or () if isinstance(one, str)]
    near = _meant(value, words) if isinstance(value, str) else []
    plain = walk.shown(constant)[1:-1] == value
    change = Change(constant.start + 1, constant.end - 1, near[0], certain(word, words)) if near and plain else None
    shown = walk.shown(tree)
    message = f"`{shown}` is never `{word}`; it is {_possible(kind)}"
    if items:
        message = f"no item of `{shown}` is ever `{word}`; each is {_possible(kind)}"
    hint = f"did you mean `{near[0]}`?" if near else ""
    walk.add(Trouble("value", message, constant.start, constant.end, hint, change))
    return True


# What other workflow languages call the states of a step.
_STATES = {
    "success": "succeeded",
    "completed": "succeeded",
    "done": "succeeded",
    "passed": "succeeded",
    "failure": "failed",
    "error": "failed",
    "canceled": "cancelled",
}


def _meant(word: str, words: list[str]) -> list[str]:
    meant = _STATES.get(word.lower(), "")
    return [meant] if meant in words else nearest(word, words)


# ---------------------------------------------------------------- in


def member(walk: Walker, tree: Binary, left: Type, right: Type) -> Type:
    """`a in b`."""
    if right.kind == "object":
        return _has_key(walk, tree, left, right)
    if right.kind not in ("list", "any"):
        hint = (
            "a part of a text is found by x.contains('…')" if right.kind == "text" else "write a list: a in ['x', 'y']"
        )
        walk.tell("type", f"`in` looks into a list, `{walk.shown(tree.right)}` is {right}", tree.right, hint)
        return BOOLEAN
    if isinstance(tree.right, Items):
        return _among(walk, tree, left, right)
    item = right.item or ANY
    if not comparable(left, item):
        message = (
            f"`{walk.shown(tree.right)}` has items of another type: each is {item}, `{walk.shown(tree.left)}` is {left}"
        )
        walk.tell("type", message, _culprit(tree), advice(left, item))
        return BOOLEAN
    if isinstance(tree.left, Literal) and _never(walk, tree.right, item, tree.left, items=True):
        return boolean(False)
    return BOOLEAN


def _has_key(walk: Walker, tree: Binary, left: Type, right: Type) -> Type:
    if left.kind not in ("text", "any"):
        walk.tell("type", f"the keys of an object are text, `{walk.shown(tree.left)}` is {left}", tree.left)
    elif isinstance(tree.left, Literal) and isinstance(tree.left.value, str):
        part = Part(tree.left.value, tree.left.start + 1, tree.left.end - 1)
        found = property_of(right, part, walk.shown(tree.right))
        if isinstance(found, Trouble):
            walk.add(found)
    return BOOLEAN


def _among(walk: Walker, tree: Binary, known: Type, among: Type) -> Type:
    """`x in [a, b]`: each item must be a value that `x` may have."""
    declared = walk.declared(tree.left)
    items = tree.right.items if isinstance(tree.right, Items) else []
    answers: list[bool | None] = []
    for item in items:
        kind = walk.quietly(item) if is_plain(item) else ANY
        if not comparable(declared, kind):
            message = f"`{walk.shown(tree.left)}` is {declared}, never {kind}"
            walk.tell("type", message, item, advice(declared, kind))
        elif not (_is_written(item) and not _is_written(tree.left) and _never(walk, tree.left, declared, item)):
            answers.append(holds("==", known, kind))
            continue
        answers.append(False)
    if True in answers:
        return boolean(True)
    if items and all(answer is False for answer in answers):
        return boolean(False)
    return _exhausted(walk, tree, declared, among.item or ANY)


def _exhausted(walk: Walker, tree: Binary, declared: Type, named: Type) -> Type:
    """A list that names every value there is decides nothing."""
    if not declared.values or len(declared.values) == 1 or named.values is None or declared.nullable:
        return BOOLEAN
    if not all(allows(named, value) for value in declared.values):
        return BOOLEAN
    walk.constant(tree, value=True, why="the list has every value there is")
    return boolean(True)
