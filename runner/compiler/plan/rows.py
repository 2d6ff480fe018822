"""The rows of a matrix as a spec writes it, with the inputs of a run filled in."""

from __future__ import annotations

from collections.abc import Mapping

from runner.compiler.canonical import Json
from runner.compiler.document import Mapping as MappingNode
from runner.compiler.document import Scalar
from runner.compiler.expressions.runtime import render
from runner.compiler.plan.matrix import Row, expand
from runner.compiler.spec.model import MatrixDecl
from runner.compiler.spec.read import plain, plain_map, scalar_text
from runner.errors import ExpressionFailed, UsageError


def _filled(value: Json, variables: Mapping[str, Json]) -> Json:
    if isinstance(value, str):
        return render(value, variables)
    if isinstance(value, list):
        return [_filled(item, variables) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, variables) for key, item in value.items()}
    return value


def matrix_rows(matrix: MatrixDecl, inputs: Mapping[str, Json]) -> list[Row]:
    """The rows of a matrix with these inputs. Raises ExpressionFailed when an axis needs one that is not there,
    UsageError when an axis is no list.
    """
    variables: dict[str, Json] = {"inputs": dict(inputs)}
    axes: dict[str, list[Json]] = {}
    for name, axis in matrix.axes.items():
        values = render(scalar_text(axis), variables) if isinstance(axis, Scalar) else [plain(item) for item in axis]
        if not isinstance(values, list):
            raise UsageError(f"the matrix axis `{name}` must be a list, and is not with these inputs")
        axes[name] = [_filled(value, variables) for value in values]

    def rows(nodes: tuple[MappingNode, ...]) -> list[Row]:
        return [{key: _filled(value, variables) for key, value in plain_map(node).items()} for node in nodes]

    return expand(axes, rows(matrix.include), rows(matrix.exclude))


def count_rows(matrix: MatrixDecl | None, inputs: Mapping[str, Json]) -> int | None:
    """How many rows a matrix has with these inputs; None without one, or where that cannot be said."""
    try:
        return None if matrix is None else len(matrix_rows(matrix, inputs))
    except (ExpressionFailed, UsageError):
        return None
