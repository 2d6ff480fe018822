"""`secret-duplicate`: two secrets are one variable."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Related, warning
from runner.compiler.rules.context import Context
from runner.compiler.spec.model import At
from runner.compiler.spec.read import at_text

CODE = "secret-duplicate"


def check(context: Context) -> list[Diagnostic]:
    """Each secret should have a variable of its own: of two with one variable, one was copied and not changed."""
    first: dict[str, tuple[str, At[str]]] = {}
    found = []
    for name, declared in context.workflow.secrets.items():
        at = at_text(declared.body.get("env"))
        if at is None:
            continue
        before = first.setdefault(at.value, (name, at))
        if before[0] != name:
            message = f"the secrets `{before[0]}` and `{name}` are one variable, `{at.value}`"
            related = (Related(f"`{before[0]}` is read from it here", before[1].span),)
            found.append(warning(CODE, message, at.span, "give each its own variable, or keep one of them", related))
    return found
