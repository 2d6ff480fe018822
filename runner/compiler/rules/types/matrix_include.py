"""`matrix-include`: an `include` row that changes nothing."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.plan.matrix import expand
from runner.compiler.rules.context import Context
from runner.compiler.rules.types.matrix_values import literal_axes, small
from runner.compiler.spec import StepSpec
from runner.compiler.spec.read import plain_map
from runner.compiler.values import same

CODE = "matrix-include"


def _findings(step: StepSpec) -> list[Diagnostic]:
    matrix = step.matrix
    axes = literal_axes(step)
    if matrix is None or not matrix.include or len(axes) != len(matrix.axes) or not small(axes):
        return []
    rows = expand(axes, (), [plain_map(row) for row in matrix.exclude])
    return [
        error(
            CODE,
            f"this `include` of `{step.id}` is one of its combinations already, so it adds nothing",
            row.span,
            "give it a value or a key that the axes do not give, or remove it",
        )
        for row in matrix.include
        for written in [plain_map(row)]
        if any(all(key in one and same(one[key], value) for key, value in written.items()) for one in rows)
    ]


def check(context: Context) -> list[Diagnostic]:
    """A row of `include` adds a leg, or a key to some legs."""
    return [finding for step in context.workflow.steps.values() for finding in _findings(step)]
