"""`name-similar`: two names differ only by an underscore."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from runner.compiler.diagnostic import Diagnostic, Related, Span, warning
from runner.compiler.document import Mapping, Node
from runner.compiler.rules.context import Context

CODE = "name-similar"
_SECTIONS = {
    "inputs": "inputs",
    "secrets": "secrets",
    "sandboxes": "sandboxes",
    "agents": "agents",
    "templates": "templates",
    "phases": "phases",
    "steps": "steps",
    "env": "variables",
}
# An underscore between digits tells numbers apart: `a_1_1` and `a_11`.
_JOINT = re.compile(r"(?<![0-9])_|_(?![0-9])")


def _names(node: Node | None) -> list[tuple[str, Span]]:
    return [(key, entry.key.span) for key, entry in node.entries.items()] if isinstance(node, Mapping) else []


def _similar(what: str, names: Iterable[tuple[str, Span]]) -> Iterator[Diagnostic]:
    first: dict[str, tuple[str, Span]] = {}
    for name, span in names:
        other, before = first.setdefault(_JOINT.sub("", name) if "_" in name else name, (name, span))
        if other != name:
            message = f"the {what} `{other}` and `{name}` are easily confused: they differ only by `_`"
            yield warning(CODE, message, span, "rename one of them", (Related(f"`{other}` is here", before),))


def check(context: Context) -> list[Diagnostic]:
    """Names of one kind should differ by more than an underscore: who takes one for the other gets no error."""
    workflow = context.workflow
    found = [
        finding for section, what in _SECTIONS.items() for finding in _similar(what, _names(workflow.node.get(section)))
    ]
    for step in workflow.all_steps:
        for key, what in (("env", "variables"), ("outputs", "outputs")):
            if step.node.entries.get(key) is not None:
                found += _similar(what, _names(step.node.get(key)))
    return found
