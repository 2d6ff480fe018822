"""`workflow-duplicate`: two workflows of one file have the same name."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Related, error
from runner.compiler.document import Document, Mapping, Node
from runner.compiler.family import name_of
from runner.compiler.rules.context import Context

CODE = "workflow-duplicate"


def _name(document: Document) -> Node | None:
    return document.root.get("name") if isinstance(document.root, Mapping) else None


def check(context: Context) -> list[Diagnostic]:
    """The workflows of one file are told apart by their names."""
    mine, name = _name(context.document), name_of(context.document)
    before = context.family.before(context.document)
    first = next((_name(one) for one in before if name and name_of(one) == name), None)
    if mine is None or first is None:
        return []
    related = (Related("the first one is here", first.span),)
    message = f"another workflow of this file has the name `{name}` already"
    return [error(CODE, message, mine.span, "give each workflow of a file a name of its own", related)]
