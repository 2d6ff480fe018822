"""`sandbox-template`: a template without a version."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.plan.template import family, is_pinned
from runner.compiler.rules.context import Context
from runner.compiler.spec.read import at_text, child

CODE = "sandbox-template"


def check(context: Context) -> list[Diagnostic]:
    """A template should be pinned, by version, digest or id: otherwise it changes under the spec's feet."""
    found = []
    for sandbox in context.workflow.sandboxes.values():
        at = at_text(child(sandbox.node.get("needs"), "template"))
        if at is not None and not is_pinned(at.value):
            message = (
                f"the template `{at.value}` of the sandbox `{sandbox.id}` is not pinned: it may change from run to run"
            )
            name = family(at.value)
            found.append(
                warning(CODE, message, at.span, f"name a version or a digest: `{name}:1.4`, `{name}@sha256:…`")
            )
    return found
