"""The steps that run another workflow, and what is in the way."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.document import Scalar
from runner.compiler.family import Child, Trouble
from runner.compiler.rules.context import Context
from runner.compiler.spec.read import text


def troubles(context: Context, kind: str) -> Iterator[tuple[Scalar, Trouble]]:
    """The troubles of one kind, each with the path that a step names."""
    for step in context.workflow.every_step:
        if step.kind == "workflow" and isinstance(step.action, Scalar):
            found = context.family.child(context.document, text(step.action))
            trouble = found.trouble if isinstance(found, Child) else found
            if trouble is not None and trouble.kind == kind:
                yield step.action, trouble
