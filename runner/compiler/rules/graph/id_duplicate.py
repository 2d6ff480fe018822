"""`id-duplicate`: two schedules, triggers, policies, risks or tests have one id or name."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Related, error
from runner.compiler.document import Node
from runner.compiler.rules.context import Context
from runner.compiler.spec.model import At
from runner.compiler.spec.read import at_text, child, items

CODE = "id-duplicate"
#: Lists of the top level with what is called by which key. Milestones have a check of their own.
_LISTS = (
    ("policies", "policies", "id"),
    ("schedules", "schedules", "id"),
    ("triggers", "triggers", "id"),
    ("risks", "risks", "id"),
    ("tests", "tests", "name"),
)


def _repeated(node: Node | None, key: str) -> Iterator[tuple[At[str], At[str]]]:
    first: dict[str, At[str]] = {}
    for item in items(node):
        at = at_text(child(item, key))
        if at is not None and first.setdefault(at.value, at) is not at:
            yield at, first[at.value]


def check(context: Context) -> list[Diagnostic]:
    """What people and reports refer to by an id or a name must be one thing."""
    return [
        error(
            CODE,
            f"two {what} have the {key} `{at.value}`",
            at.span,
            "rename one of them",
            (Related("the first one is here", first.span),),
        )
        for section, what, key in _LISTS
        for at, first in _repeated(context.workflow.node.get(section), key)
    ]
