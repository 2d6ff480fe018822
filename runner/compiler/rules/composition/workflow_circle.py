"""`workflow-circle`: workflows that run each other without end, or too deep."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.document import Document
from runner.compiler.rules.composition.children import troubles
from runner.compiler.rules.context import Context

CODE = "workflow-circle"


def check(context: Context) -> list[Diagnostic]:
    """A workflow must not run itself, not even through others, and at most 16 may run inside each other."""
    before = _before(context)
    return [
        error(CODE, one.message, node.span, one.hint)
        for node, one in troubles(context, "circle")
        if not any(each is other for each in one.through for other in before)
    ]


def _before(context: Context) -> list[Document]:
    """The workflows of the same file that stand above: theirs are the circles that go through them."""
    siblings = context.family.siblings(context.document)
    return siblings[: next((at for at, one in enumerate(siblings) if one is context.document), 0)]
