"""The matrices of a workflow, as far as their values are known without inputs."""

from __future__ import annotations

from runner.compiler.canonical import Json
from runner.compiler.document import Scalar
from runner.compiler.inputs import defaults, inputs_schema
from runner.compiler.plan.matrix import Row
from runner.compiler.plan.rows import matrix_rows
from runner.compiler.rules.context import Context
from runner.compiler.spec import MatrixDecl, StepSpec
from runner.compiler.spec.read import plain
from runner.errors import RunnerError


def literal_axes(step: StepSpec) -> dict[str, list[Json]]:
    """The axes that are written out as lists without expressions."""
    found: dict[str, list[Json]] = {}
    for name, axis in step.matrix.axes.items() if step.matrix else ():
        if not isinstance(axis, Scalar):
            values = [plain(item) for item in axis]
            if not any(isinstance(value, str) and "${{" in value for value in values):
                found[name] = values
    return found


def rows(context: Context, matrix: MatrixDecl) -> list[Row] | None:
    """The rows with the defaults of all inputs, None when they cannot be known."""
    known = context.matrix_rows
    if id(matrix) not in known:
        known[id(matrix)] = _rows(context, matrix)
    return known[id(matrix)]


def _rows(context: Context, matrix: MatrixDecl) -> list[Row] | None:
    try:
        return matrix_rows(matrix, defaults(inputs_schema(context.workflow)))
    except (RunnerError, TypeError):
        return None
