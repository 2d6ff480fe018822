"""`matrix-duplicate`: an axis of a matrix has a value twice."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.document import Scalar
from runner.compiler.rules.context import Context
from runner.compiler.rules.types.matrix_values import literal_axes
from runner.compiler.values import same, shown

CODE = "matrix-duplicate"


def check(context: Context) -> list[Diagnostic]:
    """The values of an axis must differ: two legs with one key could not be told apart."""
    found = []
    for step in context.workflow.steps.values():
        for name, values in literal_axes(step).items():
            nodes = step.matrix.axes[name] if step.matrix else ()
            for number, value in enumerate(values):
                if not isinstance(nodes, Scalar) and any(same(value, before) for before in values[:number]):
                    message = f"the axis `{name}` of `{step.id}` has {shown(value)} twice"
                    found.append(error(CODE, message, nodes[number].span, "remove it"))
    return found
