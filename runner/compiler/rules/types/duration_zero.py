"""`duration-zero`: a time of nothing where nothing could happen in it."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.document import Node
from runner.compiler.rules.context import Context
from runner.compiler.spec.model import At
from runner.compiler.spec.read import at_text, child
from runner.compiler.spec.units import seconds

CODE = "duration-zero"
_WHY = {
    "timeout": "every attempt would be over before it begins",
    "approve.timeout": "nobody could answer in time",
    "cache.ttl": "no result would ever be taken from it",
    "sandboxes.timeout": "no box would live",
    "needs.persist": "nothing would be kept",
}
_HINT = {
    "cache.ttl": "give it a time, for example `30d`, or remove `cache`",
    "needs.persist": "give it a time, for example `7d`, or remove it",
}


def _times(context: Context) -> Iterator[tuple[str, Node | None]]:
    workflow = context.workflow
    yield "timeout", child(workflow.node.get("defaults"), "timeout")
    for body in [step.node for step in workflow.all_steps] + [
        one.body.get("step") for one in workflow.templates.values()
    ]:
        yield "timeout", child(body, "timeout")
        yield "approve.timeout", child(child(body, "approve"), "timeout")
        yield "cache.ttl", child(child(body, "cache"), "ttl")
    for sandbox in workflow.sandboxes.values():
        yield "sandboxes.timeout", sandbox.node.get("timeout")
        yield "needs.persist", child(sandbox.node.get("needs"), "persist")


def check(context: Context) -> list[Diagnostic]:
    """A timeout, the life of a cache and how long a box persists must be more than nothing."""
    found = []
    for what, node in _times(context):
        at: At[str] | None = at_text(node)
        if at is not None and seconds(at.value) == 0:
            message = f"`{what.rpartition('.')[2]}` is {at.value}: {_WHY[what]}"
            found.append(error(CODE, message, at.span, _HINT.get(what, "give it a time, for example `10m`")))
    return found
