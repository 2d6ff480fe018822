"""`sandbox-persist`: a box that is to be kept, and is thrown away after each leg."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Related, warning
from runner.compiler.rules.context import Context
from runner.compiler.spec.read import key_span, mapping

CODE = "sandbox-persist"


def check(context: Context) -> list[Diagnostic]:
    """`persist` is for boxes that a run shares: with `scope: step` each leg gets a fresh one, and nothing is kept."""
    found = []
    for sandbox in context.workflow.sandboxes.values():
        needs = mapping(sandbox.node.get("needs"))
        if sandbox.scope == "step" and needs is not None and "persist" in needs.entries:
            message = (
                f"`persist` has no effect on the sandbox `{sandbox.id}`: with `scope: step` each leg has a fresh box"
            )
            related = (Related("`scope: step` is here", key_span(sandbox.node, "scope")),)
            hint = "remove `persist`, or write `scope: run`; files outlive a box as artifacts"
            found.append(warning(CODE, message, key_span(needs, "persist"), hint, related))
    return found
