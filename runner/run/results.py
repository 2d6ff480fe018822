"""The outputs of a whole workflow, evaluated when all of its steps have ended."""

from __future__ import annotations

from runner.compiler.canonical import Json
from runner.compiler.expressions import render
from runner.compiler.plan.model import Plan
from runner.errors import ExpressionFailed
from runner.run.children import NO_HOME, Made, holds_folder
from runner.run.journal import Journal
from runner.run.values import Values, artifact_folder


def results(plan: Plan, values: Values, journal: Journal) -> Made:
    """The workflow's outputs. One that is exactly an artifact of a step stays that artifact.

    Raises ExpressionFailed, which names the output.
    """
    variables = values.seen((step.id for step in plan.steps), NO_HOME)
    folders = _folders(plan, values)
    made = Made({}, {})
    for name, template in plan.outputs.items():
        try:
            value = render(template, variables)
        except ExpressionFailed as error:
            raise ExpressionFailed(f"output {name}: {error.message}", error.hint) from error
        if isinstance(value, str) and value in folders:
            stored = journal.document("artifact", folders[value])
            made.artifacts[name] = {part: stored.get(part) for part in ("digest", "bytes", "files", "path")}
        elif holds_folder(value):
            raise ExpressionFailed(
                f"output {name}: an artifact can be handed on only by itself, from a step with one leg",
                f"Write its value as one expression, for example {name}: ${{{{ steps.build.outputs.dist }}}}",
            )
        else:
            made.outputs[name] = value
    return made


def as_document(made: Made) -> dict[str, Json]:
    """The outputs as the run's document and its last event tell them: of an artifact its digest."""
    artifacts: dict[str, Json] = {name: {"artifact": about["digest"]} for name, about in made.artifacts.items()}
    return {**made.outputs, **artifacts}


def _folders(plan: Plan, values: Values) -> dict[str, str]:
    """Which artifact's document stands behind each folder that an expression may name."""
    found = {}
    for step in plan.steps:
        for index, leg in enumerate(values.legs(step)):
            ended = values.ended(step, leg)
            for name in ended.artifacts if ended else ():
                found[artifact_folder(NO_HOME, step, name, index)] = f"{leg.key}/{name}"
    return found
