"""`matrix-empty`: a matrix without a single leg."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.rules.context import Context
from runner.compiler.rules.types.matrix_values import rows
from runner.compiler.spec.model import MatrixDecl

CODE = "matrix-empty"


def _is_told(matrix: MatrixDecl) -> bool:
    """A list without items is found by the schema already."""
    return not matrix.plain or matrix.plain.get("include") == [] or () in matrix.axes.values()


def check(context: Context) -> list[Diagnostic]:
    """A matrix must have at least one leg, with the defaults of the inputs."""
    return [
        error(
            CODE, f"the matrix of `{step.id}` has no leg, so the step would never run", step.matrix.span, "add a value"
        )
        for step in context.workflow.steps.values()
        if step.matrix is not None and not _is_told(step.matrix) and rows(context, step.matrix) == []
    ]
