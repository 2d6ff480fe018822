"""`agent-returns`: an answer of which nothing could be used."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error, warning
from runner.compiler.rules.context import Context
from runner.compiler.spec.read import child, key_span, mapping, plain_map, text

CODE = "agent-returns"


def check(context: Context) -> list[Diagnostic]:
    """`returns` must be an object with properties: they become the outputs of the step."""
    found = []
    for step in context.workflow.all_steps:
        returns = mapping(step.node.get("returns")) if step.kind == "agent" else None
        if returns is None:
            continue
        span = key_span(step.node, "returns")
        schema = plain_map(returns)
        kind = text(child(returns, "type"))
        if (kind and kind != "object") or (not kind and ("enum" in schema or "const" in schema)):
            message = f"the answer of `{step.id}` is no object, so none of it becomes an output"
            hint = "wrap it: returns: {type: object, required: [answer], properties: {answer: {…}}}"
            found.append(error(CODE, message, span, hint))
        elif not schema.get("properties"):
            message = f"the answer of `{step.id}` declares no properties, so none of it becomes an output"
            found.append(
                warning(CODE, message, span, "add `properties`, and name in `required` those that must be there")
            )
    return found
