"""`matrix-duplicate`: two legs of a matrix have one name."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Diagnostic, Related, error
from runner.compiler.document import Scalar
from runner.compiler.document.lists import removal
from runner.compiler.expressions.runtime import as_text
from runner.compiler.plan.matrix import leg_key
from runner.compiler.rules.context import Context
from runner.compiler.rules.types.matrix_values import literal_axes, rows
from runner.compiler.spec import StepSpec
from runner.compiler.spec.read import child, plain
from runner.compiler.values import shown

CODE = "matrix-duplicate"


def _axis(step: StepSpec, name: str, values: list[Json]) -> Iterator[Diagnostic]:
    nodes = step.matrix.axes[name] if step.matrix else ()
    first: dict[str, int] = {}
    for number, value in enumerate(values):
        before = first.setdefault(as_text(value), number)
        if before != number and not isinstance(nodes, Scalar):
            same = type(values[before]) is type(value)
            also = "" if same else f": {shown(values[before])} and {shown(value)} look alike in the name of a leg"
            message = f"the axis `{name}` of `{step.id}` has {shown(value)} twice{also}"
            related = (Related("the first one is here", nodes[before].span),)
            fix = removal(child(step.node.get("matrix"), name), number, "remove it", safe=same)
            yield error(CODE, message, nodes[number].span, "remove it", related, fix)


def _rows(context: Context, step: StepSpec) -> Iterator[Diagnostic]:
    """Legs that are equal though their axes have no value twice: rows of `include`, or what an expression gives."""
    matrix = step.matrix
    keys = [leg_key("", row) for row in rows(context, matrix) or ()] if matrix else []
    if matrix is None or len(set(keys)) == len(keys):
        return
    seen: set[str] = set()
    for row in matrix.include:
        written = plain(row)
        key = leg_key("", written) if isinstance(written, dict) else ""
        if key in seen and keys.count(key) > 1:
            yield error(CODE, f"this `include` of `{step.id}` is given twice", row.span, "remove it")
            return
        seen.add(key)
    twice = next(key for key in keys if keys.count(key) > 1)
    message = f"two legs of `{step.id}` have the name `{step.id}{twice}`"
    yield error(CODE, message, matrix.span, "let its values differ")


def check(context: Context) -> list[Diagnostic]:
    """The values of an axis must differ: two legs with one name could not be told apart."""
    found: list[Diagnostic] = []
    for step in context.workflow.steps.values():
        if step.matrix is not None:
            mine = [one for name, values in literal_axes(step).items() for one in _axis(step, name, values)]
            found += mine or _rows(context, step)
    return found
