"""`axis-unused`: an axis of a matrix that the step does not use."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.document import Node, Scalar, Sequence
from runner.compiler.expressions.uses import step_references
from runner.compiler.rules.context import Context
from runner.compiler.spec import MatrixDecl, StepSpec
from runner.compiler.spec.read import child

CODE = "axis-unused"
#: What an axis is called that only says how often: `attempt: [1, 2, 3]`.
_HOW_OFTEN = frozenset({"attempt", "copy", "iteration", "repeat", "repetition", "round", "run", "time", "trial", "try"})


def _is_good(axis: Node | None) -> bool:
    """A list with values, or an expression; of anything else the schema tells."""
    return "${{" in axis.text if isinstance(axis, Scalar) else isinstance(axis, Sequence) and bool(axis.items)


def _idle(step: StepSpec, matrix: MatrixDecl, used: set[str]) -> list[str]:
    """The axes that no expression names; none beside a name that is no axis: any of them may be meant by it."""
    if used - matrix.axes.keys():
        return []
    written = step.node.get("matrix")
    unused = (name for name in matrix.axes if name not in used and name not in _HOW_OFTEN)
    return [name for name in unused if _is_good(child(written, name))]


def check(context: Context) -> list[Diagnostic]:
    """Every axis should be named by an expression of its step: else its legs all do the same."""
    workflow = context.workflow
    found = []
    for step in workflow.steps.values():
        if step.matrix is None or not step.kind or step.node.get("for_each") is not None:
            continue
        paths = [at.path for _, at in step_references(workflow, step) if at.path[0] == "matrix"]
        if ("matrix",) in paths:  # as a whole it stands for all of its axes
            continue
        for name in _idle(step, step.matrix, {path[1] for path in paths}):
            message = f"no expression of `{step.id}` uses the axis `{name}`, so its legs all do the same"
            hint = f"use it: ${{{{ matrix.{name} }}}}; or remove it; one that only repeats is called `attempt`"
            found.append(warning(CODE, message, step.matrix.axis_spans[name], hint))
    return found
