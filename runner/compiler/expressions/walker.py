"""What the parts of the type checker ask of each other while they walk through one expression."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from runner.compiler.expressions.facts import Knower
from runner.compiler.expressions.symbols import Scope
from runner.compiler.expressions.tree import Tree
from runner.compiler.expressions.trouble import Trouble, TroubleKind
from runner.compiler.expressions.types import BOOLEAN, Type


class Walker(Knower, Protocol):
    """One expression under examination."""

    variables: dict[str, Type]
    scope: Scope

    def type(self, tree: Tree) -> Type:
        """The type of a part; its troubles are noted."""

    def declared(self, tree: Tree) -> Type:
        """The type of a part by its declaration alone, whatever is known here."""

    def condition(self, tree: Tree, what: str) -> bool | None:
        """A part that must be true or false; whether it is known which."""

    def asking(self, tree: Tree) -> AbstractContextManager[None]:
        """Inside the block the name is asked for, so it need not have a value."""

    def tell(self, kind: TroubleKind, message: str, tree: Tree, hint: str = "") -> None:
        """Note a trouble with a part of the expression."""

    def add(self, trouble: Trouble) -> None:
        """Note a trouble."""

    def shown(self, tree: Tree) -> str:
        """The part as it is written, on one line."""

    def constant(self, tree: Tree, value: bool, why: str = "") -> None:
        """Note a condition whose value is always the same."""


def truth(kind: Type) -> bool | None:
    """True or false where the value is known to be that."""
    if kind.kind == "boolean" and kind.values is not None and len(kind.values) == 1 and not kind.nullable:
        return kind.values[0] is True
    return None


def boolean(value: bool | None) -> Type:
    """The type of a boolean that is known, or not."""
    return BOOLEAN if value is None else Type("boolean", (value,))
