"""`milestone-missing`: a step that no milestone waits for."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.expressions.scan import references
from runner.compiler.rules.context import Context
from runner.compiler.rules.milestones.schedule import covered
from runner.compiler.spec import Workflow
from runner.compiler.spec.read import scalar_text
from runner.compiler.suggest import nearest

CODE = "milestone-missing"


def check(context: Context) -> list[Diagnostic]:
    """Where milestones need most of the steps they should need all, directly or through a step that they need.

    What a misspelt name means counts as needed.
    """
    workflow = context.workflow
    if not any(milestone.needs for milestone in workflow.milestones):
        return []
    in_one = covered(workflow, context.edges) | _looked_at(workflow)
    in_one |= {near for name in in_one if name not in workflow.steps for near in nearest(name, workflow.steps)}
    missing = [step for step in workflow.steps.values() if step.id not in in_one]
    if 2 * len(missing) > len(workflow.steps):
        return []
    return [
        warning(
            CODE,
            f"no milestone needs the step `{step.id}`, directly or through other steps",
            step.span,
            "add it to the `needs` of a milestone",
        )
        for step in missing
    ]


def _looked_at(workflow: Workflow) -> set[str]:
    """The steps that the checks of milestones name: they are meant to be needed, see `expression-context`."""
    texts = (scalar_text(check) for milestone in workflow.milestones for check in milestone.accept)
    paths = (reference.path for text in texts for reference in references(text))
    return {path[1] for path in paths if path[0] == "steps" and len(path) > 1}
