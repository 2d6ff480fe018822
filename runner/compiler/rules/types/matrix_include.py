"""`matrix-include`: an `include` row that changes nothing."""

from __future__ import annotations

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.plan.matrix import Row
from runner.compiler.rules.context import Context
from runner.compiler.rules.types.matrix_values import literal_axes
from runner.compiler.spec import StepSpec
from runner.compiler.spec.read import plain_map
from runner.compiler.values import same

CODE = "matrix-include"


def _is_there(axes: dict[str, list[Json]], exclude: list[Row], row: Row) -> bool:
    """Whether the row says nothing that a combination of the axes does not say."""
    if not all(name in axes and any(same(value, each) for each in axes[name]) for name, value in row.items()):
        return False
    # What is left out could be put in again by it.
    return not any(all(same(row[name], value) for name, value in rule.items() if name in row) for rule in exclude)


def _findings(step: StepSpec) -> list[Diagnostic]:
    matrix = step.matrix
    if matrix is None or not matrix.include:
        return []
    axes, exclude = literal_axes(step), [plain_map(row) for row in matrix.exclude]
    return [
        error(
            CODE,
            f"this `include` of `{step.id}` is one of its combinations already, so it adds nothing",
            row.span,
            "give it a value or a key that the axes do not give, or remove it",
        )
        for row in matrix.include
        if _is_there(axes, exclude, plain_map(row))
    ]


def check(context: Context) -> list[Diagnostic]:
    """A row of `include` adds a leg, or a key to some legs."""
    return [finding for step in context.workflow.steps.values() for finding in _findings(step)]
