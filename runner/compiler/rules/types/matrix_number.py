"""`matrix-number`: a value of a matrix is read as a number that looks otherwise: `3.10` is 3.1."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Fix, warning
from runner.compiler.document import Node, Scalar
from runner.compiler.expressions.runtime import as_text
from runner.compiler.rules.context import Context
from runner.compiler.spec import StepSpec

CODE = "matrix-number"
#: A version such as `3.10`, digits such as `007`, a hash such as `12e4`. A price of `0.10` is a number.
_SUSPECT = re.compile(r"[1-9][0-9]*\.[0-9]*[1-9]0|0[0-9]+|[0-9]+[eE][0-9]+")


def _values(step: StepSpec) -> Iterator[Node]:
    if step.matrix is None:
        return
    for axis in step.matrix.axes.values():
        if not isinstance(axis, Scalar):
            yield from axis
    for row in (*step.matrix.include, *step.matrix.exclude):
        yield from (entry.value for entry in row.entries.values())


def check(context: Context) -> list[Diagnostic]:
    """Versions, zip codes and hashes are texts: quoted they stay as written. A number is written in its short form."""
    found = []
    for step in context.workflow.steps.values():
        for node in _values(step):
            if isinstance(node, Scalar) and isinstance(node.value, int | float) and _SUSPECT.fullmatch(node.text):
                short = as_text(node.value)
                message = f"`{node.text}` is the number {short} (in the matrix of `{step.id}`)"
                fix = Fix("quote it", node.span, f'"{node.text}"', safe=False)
                hint = f'quote it if the text is meant: "{node.text}"; else write {short}'
                found.append(warning(CODE, message, node.span, hint, fix=fix))
    return found
