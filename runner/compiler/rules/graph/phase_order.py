"""`phase-order`: a step of an earlier phase waits for a step of a later one."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Related, warning
from runner.compiler.rules.context import Context

CODE = "phase-order"


def check(context: Context) -> list[Diagnostic]:
    """Phases are in the order of `phases`: what a step waits for is in its own phase or an earlier one."""
    workflow = context.workflow
    number = {id_: position for position, id_ in enumerate(workflow.phases)}
    phase_of = {
        step.id: step.phase.value for step in workflow.steps.values() if step.phase and step.phase.value in number
    }
    found = []
    for edge in (edge for id_ in phase_of for edge in context.edges[id_]):
        mine, its = phase_of[edge.step], phase_of.get(edge.upstream, "")
        if its and number[its] > number[mine]:
            message = f"`{edge.step}` of the phase `{mine}` waits for `{edge.upstream}` of the later phase `{its}`"
            hint = "move one of them to the phase of the other, or change the order of `phases`"
            related = (Related(f"the phase `{its}` is declared here", workflow.phases[its].span),)
            found.append(warning(CODE, message, edge.span, hint, related))
    return found
