"""`input-default`: the default of an input does not fit its type."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.rules.context import Context
from runner.compiler.rules.types.leaf import leaf_span
from runner.compiler.values import problems

CODE = "input-default"


def check(context: Context) -> list[Diagnostic]:
    """A default must be of the declared type, within its bounds, one of its `enum`."""
    found = []
    for declared in context.workflow.inputs.values():
        node = declared.body.get("default")
        if node is None:
            continue
        schema = {key: value for key, value in declared.plain.items() if key != "default"}
        for sentence in problems(schema, declared.plain["default"]):
            message = f"the default of the input `{declared.id}` does not fit: {sentence}"
            found.append(error(CODE, message, leaf_span(node, sentence), "change the default or the type"))
    return found
