"""`matrix-size`: a matrix with more legs than anyone can mean."""

from __future__ import annotations

from math import prod

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.plan.matrix import MOST_COMPARED, MOST_LEGS
from runner.compiler.rules.context import Context
from runner.compiler.rules.types.matrix_values import literal_axes, rows

CODE = "matrix-size"


def check(context: Context) -> list[Diagnostic]:
    """A matrix may have at most 256 legs."""
    found = []
    for step in context.workflow.steps.values():
        if step.matrix is None:
            continue
        axes = [len(values) for values in literal_axes(step).values() if values]
        count = prod(axes)
        patterns = len(step.matrix.include) + len(step.matrix.exclude)
        if count <= 100 * MOST_LEGS and count * patterns > MOST_COMPARED:
            message = f"the matrix of `{step.id}` has {count:,} combinations and {patterns:,} rows to compare them with"
            found.append(error(CODE, message, step.matrix.span, "shorten an axis, or write fewer rows"))
            continue
        if count <= 100 * MOST_LEGS:  # beyond that, counting is enough; an `exclude` cannot save it
            count = len(rows(context, step.matrix) or ())
        if count > MOST_LEGS:
            message = f"the matrix of `{step.id}` has {count:,} legs, at most {MOST_LEGS} are allowed"
            found.append(error(CODE, message, step.matrix.span, "shorten an axis, or split the step"))
    return found
