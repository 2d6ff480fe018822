"""`output-unused`: an output that nobody reads, of a workflow that says what it gives."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Severity, Span
from runner.compiler.document import Mapping
from runner.compiler.expressions.scan import references
from runner.compiler.rules.context import Context
from runner.compiler.spec.read import child
from runner.compiler.suggest import nearest

CODE = "output-unused"


def check(context: Context) -> list[Diagnostic]:
    """Where a workflow has `outputs`, those of its steps are read by an expression or handed on there.

    Without `outputs` people may read any of them. What a misspelt name means counts as read.
    """
    workflow = context.workflow
    if not isinstance(workflow.node.get("outputs"), Mapping):
        return []
    read = _read(context)
    known = {step.id for step in workflow.all_steps}
    for stranger in sorted(read.keys() - known - {""}):
        for near in nearest(stranger, known):
            read.setdefault(near, set()).update(read[stranger])
    unread: dict[Span, str] = {}
    for step in workflow.all_steps:
        own = read.get(step.id, set()) | read.get("", set())
        meant = {near for name in own - step.outputs.keys() for near in nearest(name, step.outputs)}
        written = step.node.get("outputs")
        for name, output in step.outputs.items() if isinstance(written, Mapping) else ():
            if name in own | meant or "*" in own or not isinstance(child(written, name), Mapping):
                unread[output.span] = ""  # a template's step may be used several times
            else:
                unread.setdefault(output.span, f"nothing reads the output `{name}` of `{step.id}`")
    hint = "hand it on in `outputs` of the workflow, or remove it"
    return [Diagnostic(CODE, Severity.INFO, message, span, hint) for span, message in unread.items() if message]


def _read(context: Context) -> dict[str, set[str]]:
    """The outputs that expressions name, by step; `*` for all of them. Under "" those of a step's own `until`."""
    found: dict[str, set[str]] = {}
    for one in context.examined:
        for reference in references(one.found.text):
            root, *rest = reference.path
            if root == "outputs":
                found.setdefault("", set()).add(rest[0] if rest else "*")
            elif root == "steps" and len(rest) < 2:
                found.setdefault(rest[0] if rest else "", set()).add("*")
            elif root == "steps" and rest[1] == "outputs":
                found.setdefault(rest[0], set()).add(rest[2] if len(rest) > 2 else "*")
    return found
