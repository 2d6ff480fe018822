"""`matrix-exclude`: an `exclude` row that leaves out nothing."""

from __future__ import annotations

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Diagnostic, Fix, error
from runner.compiler.document import Mapping
from runner.compiler.expressions.runtime import as_text
from runner.compiler.rules.context import Context
from runner.compiler.rules.types.matrix_values import literal_axes
from runner.compiler.spec import MatrixDecl, StepSpec
from runner.compiler.spec.read import plain_map
from runner.compiler.suggest import certain, did_you_mean, existing, nearest
from runner.compiler.values import same, shown

CODE = "matrix-exclude"


def _findings(step: StepSpec) -> list[Diagnostic]:
    matrix = step.matrix
    axes = literal_axes(step)
    if matrix is None:
        return []
    found = []
    for row in matrix.exclude:
        pattern = plain_map(row)
        found += [_no_axis(step, matrix, row, name) for name in pattern if name not in matrix.axes]
        written = not any(isinstance(value, str) and "${{" in value for value in pattern.values())
        if written and any(axes.get(name) and not _has(axes[name], value) for name, value in pattern.items()):
            message = f"this `exclude` of `{step.id}` matches no combination, so it leaves out nothing"
            found.append(error(CODE, message, row.span, _near(axes, pattern) or "correct its values, or remove it"))
    return found


def _has(values: list[Json], value: Json) -> bool:
    return any(same(value, each) for each in values)


def _no_axis(step: StepSpec, matrix: MatrixDecl, row: Mapping, name: str) -> Diagnostic:
    span = row.entries[name].key.span
    near = nearest(name, matrix.axes)
    hint = f"did you mean `{near[0]}`?" if near else existing(matrix.axes)
    fix = Fix(f"rename it to `{near[0]}`", span, near[0], safe=certain(name, matrix.axes)) if near else None
    return error(CODE, f"`exclude` of `{step.id}`: there is no axis `{name}`", span, hint, fix=fix)


def _near(axes: dict[str, list[Json]], pattern: dict[str, Json]) -> str:
    """What may be meant by the first value that its axis does not have; the caller knows that there is one."""
    name, value = next(
        (name, value) for name, value in pattern.items() if axes.get(name) and not _has(axes[name], value)
    )
    meant = (
        did_you_mean(value, [each for each in axes[name] if isinstance(each, str)]) if isinstance(value, str) else ""
    )
    alike = next((shown(each) for each in axes[name] if as_text(each) == as_text(value)), "")
    return meant or (f"did you mean {alike}? {shown(value)} is another value" if alike else "")


def check(context: Context) -> list[Diagnostic]:
    """Every row of `exclude` must match at least one combination."""
    return [finding for step in context.workflow.steps.values() for finding in _findings(step)]
