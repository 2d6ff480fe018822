"""An expression as a tree in which every part knows where it stands. Parts are equal when they say the same."""

from __future__ import annotations

from dataclasses import field
from typing import Literal as Word
from typing import TypeAlias

from runner.records import dataclass

LiteralKind = Word["text", "integer", "number", "boolean", "null", "bytes", "uint"]


@dataclass(slots=True)
class Literal:
    """A value as written; bytes are kept as their text."""

    start: int = field(compare=False)
    end: int = field(compare=False)
    kind: LiteralKind
    value: str | int | float | bool | None


@dataclass(slots=True)
class Name:
    """A bare name."""

    start: int = field(compare=False)
    end: int = field(compare=False)
    name: str


@dataclass(slots=True)
class Select:
    """`of.name`; the name stands from `at` to `end`."""

    start: int = field(compare=False)
    end: int = field(compare=False)
    of: Tree
    name: str
    at: int = field(compare=False)


@dataclass(slots=True)
class Index:
    """`of[key]`."""

    start: int = field(compare=False)
    end: int = field(compare=False)
    of: Tree
    key: Tree


@dataclass(slots=True)
class Call:
    """`name(args)`, or `of.name(args)`; the name starts at `at`."""

    start: int = field(compare=False)
    end: int = field(compare=False)
    of: Tree | None
    name: str
    at: int = field(compare=False)
    args: list[Tree]


@dataclass(slots=True)
class Unary:
    """`!x` or `-x`."""

    start: int = field(compare=False)
    end: int = field(compare=False)
    operator: str
    operand: Tree


@dataclass(slots=True)
class Binary:
    """A comparison, `in`, or arithmetic."""

    start: int = field(compare=False)
    end: int = field(compare=False)
    operator: str
    left: Tree
    right: Tree


@dataclass(slots=True)
class Logic:
    """`a && b && …` or `a || b || …`: two operands or more."""

    start: int = field(compare=False)
    end: int = field(compare=False)
    operator: str
    operands: list[Tree]


@dataclass(slots=True)
class Choice:
    """`condition ? then : otherwise`."""

    start: int = field(compare=False)
    end: int = field(compare=False)
    condition: Tree
    then: Tree
    otherwise: Tree


@dataclass(slots=True)
class Items:
    """`[a, b]`."""

    start: int = field(compare=False)
    end: int = field(compare=False)
    items: list[Tree]


@dataclass(slots=True)
class Pairs:
    """`{key: value}`."""

    start: int = field(compare=False)
    end: int = field(compare=False)
    pairs: list[tuple[Tree, Tree]]


Tree: TypeAlias = Literal | Name | Select | Index | Call | Unary | Binary | Logic | Choice | Items | Pairs


def path_of(tree: Tree) -> list[str] | None:
    """The parts of a dotted name such as `steps.build.state`; None for anything else."""
    parts: list[str] = []
    while isinstance(tree, Select):
        parts.append(tree.name)
        tree = tree.of
    if not isinstance(tree, Name):
        return None
    return [tree.name, *reversed(parts)]


def is_plain(tree: Tree) -> bool:
    """Whether it is a name, a value as written, or a list of those: nothing that takes long to look at twice."""
    if isinstance(tree, Items):
        return all(not isinstance(item, Items) and is_plain(item) for item in tree.items)
    return isinstance(tree, Literal) or number_of(tree) is not None or path_of(tree) is not None


def number_of(tree: Tree) -> float | None:
    """The number that is written there, with its sign; None for anything else."""
    sign = 1
    while isinstance(tree, Unary) and tree.operator == "-":
        sign, tree = -sign, tree.operand
    if isinstance(tree, Literal) and tree.kind in ("integer", "number") and isinstance(tree.value, int | float):
        return sign * tree.value
    return None


def parts_of(tree: Tree) -> list[Tree]:
    """What a part consists of, in the order written."""
    match tree:
        case Select(of=of) | Unary(operand=of):
            return [of]
        case Index(of=left, key=right) | Binary(left=left, right=right):
            return [left, right]
        case Call(of=receiver, args=args):
            return list(args) if receiver is None else [receiver, *args]
        case Logic(operands=many) | Items(items=many):
            return list(many)
        case Choice():
            return [tree.condition, tree.then, tree.otherwise]
        case Pairs():
            return [part for pair in tree.pairs for part in pair]
    return []
