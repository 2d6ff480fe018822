"""`param-default`: the default of a parameter does not fit its type."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.rules.composition.params import declared_nodes
from runner.compiler.rules.context import Context
from runner.compiler.spec.read import plain_map
from runner.compiler.values import problems

CODE = "param-default"


def check(context: Context) -> list[Diagnostic]:
    """A default must be of the declared type, within its bounds, one of its `enum`."""
    found = []
    for template in context.workflow.templates.values():
        for name, entry in declared_nodes(template).items():
            schema = plain_map(entry.value)
            node = entry.value.get("default")
            if node is None:
                continue
            for sentence in problems(schema, schema["default"]):
                message = f"the default of the parameter `{name}` does not fit: {sentence}"
                found.append(error(CODE, message, node.span, "change the default or the type"))
    return found
