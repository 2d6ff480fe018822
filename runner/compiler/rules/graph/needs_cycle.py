"""`needs-cycle`: steps wait for each other in a circle."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Related, error
from runner.compiler.plan.graph import Edge, find_cycles
from runner.compiler.rules.context import Context

CODE = "needs-cycle"


def check(context: Context) -> list[Diagnostic]:
    """The graph of `after` and of references in expressions must have no circle; its path is printed."""
    return [_finding(cycle) for cycle in find_cycles(context.edges)]


def _finding(cycle: list[Edge]) -> Diagnostic:
    path = " → ".join([edge.step for edge in cycle] + [cycle[0].step])
    related = tuple(
        Related(
            f"`{edge.step}` waits for `{edge.upstream}`" + (", because it uses its values" if edge.implied else ""),
            edge.span,
        )
        for edge in cycle
    )
    message = f"these steps wait for each other, so none could start: {path}"
    return error(CODE, message, cycle[0].span, "remove one of these edges", related)
