"""`workflow-file`: a step runs a workflow that is not to be found."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Fix, error
from runner.compiler.rules.composition.children import troubles
from runner.compiler.rules.context import Context

CODE = "workflow-file"


def check(context: Context) -> list[Diagnostic]:
    """`workflow` must name a spec of the project that can be read, and one of its workflows if it has several."""
    found = []
    for node, trouble in troubles(context, "file"):
        better = trouble.better
        written = f'"{better}"' if better.startswith("#") else better
        fix = Fix(f"write `{better}`", node.span, written, trouble.sure) if better else None
        found.append(error(CODE, trouble.message, node.span, trouble.hint, fix=fix))
    return found
