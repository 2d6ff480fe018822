"""`schedule-inputs`: a schedule starts runs with inputs that do not fit."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.rules.context import Context
from runner.compiler.spec import ScheduleDecl, Workflow
from runner.compiler.spec.read import plain
from runner.compiler.suggest import did_you_mean, existing
from runner.compiler.values import problems

CODE = "schedule-inputs"


def _findings(workflow: Workflow, schedule: ScheduleDecl) -> Iterator[Diagnostic]:
    given = schedule.inputs.entries if schedule.inputs else {}
    for name, entry in given.items():
        declared = workflow.inputs.get(name)
        if declared is None:
            hint = did_you_mean(name, workflow.inputs) or existing(workflow.inputs)
            yield error(CODE, f"the schedule `{schedule.id}` gives an unknown input `{name}`", entry.key.span, hint)
            continue
        for sentence in problems(declared.plain, plain(entry.value)):
            message = f"the schedule `{schedule.id}`, input `{name}`: {sentence}"
            yield error(CODE, message, entry.value.span, "give a value that the input's type allows")
    for name, declared in workflow.inputs.items():
        if "default" not in declared.plain and name not in given:
            message = f"the schedule `{schedule.id}` does not give the input `{name}`, which has no default"
            yield error(CODE, message, schedule.span, f"add `inputs: {{{name}: …}}` to it, or a default to the input")


def check(context: Context) -> list[Diagnostic]:
    """Nobody is there to answer questions when a schedule fires: its inputs must be complete and right."""
    workflow = context.workflow
    return [finding for schedule in workflow.schedules for finding in _findings(workflow, schedule)]
