"""`matrix-exclude`: an `exclude` row that leaves out nothing."""

from __future__ import annotations

from itertools import product

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.plan.matrix import MOST_LEGS, matches
from runner.compiler.rules.context import Context
from runner.compiler.rules.types.matrix_values import literal_axes
from runner.compiler.spec import StepSpec
from runner.compiler.spec.read import plain_map
from runner.compiler.suggest import did_you_mean, existing

CODE = "matrix-exclude"


def _findings(step: StepSpec) -> list[Diagnostic]:
    matrix = step.matrix
    axes = literal_axes(step)
    if matrix is None:
        return []
    size = 1
    for values in axes.values():
        size *= len(values)
    found = []
    for row in matrix.exclude:
        pattern = plain_map(row)
        for name in pattern:
            if name not in matrix.axes:
                hint = did_you_mean(name, matrix.axes) or existing(matrix.axes)
                found.append(error(CODE, f"`exclude` of `{step.id}`: there is no axis `{name}`", row.span, hint))
        known = len(axes) == len(matrix.axes) and pattern.keys() <= axes.keys() and size <= 100 * MOST_LEGS
        written = not any(isinstance(value, str) and "${{" in value for value in pattern.values())
        combinations = (dict(zip(axes, values, strict=True)) for values in product(*axes.values())) if known else ()
        if known and written and not any(matches(one, pattern) for one in combinations):
            message = f"this `exclude` of `{step.id}` matches no combination, so it leaves out nothing"
            found.append(error(CODE, message, row.span, "correct its values, or remove it"))
    return found


def check(context: Context) -> list[Diagnostic]:
    """Every row of `exclude` must match at least one combination."""
    return [finding for step in context.workflow.steps.values() for finding in _findings(step)]
