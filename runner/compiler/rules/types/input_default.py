"""`input-default`: the default of an input does not fit its type."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Fix, error
from runner.compiler.document import Node, Scalar
from runner.compiler.document.scalars import spelled
from runner.compiler.rules.context import Context
from runner.compiler.rules.types.leaf import leaf_span
from runner.compiler.shape.literals import OLD_BOOLEANS
from runner.compiler.spec import Named
from runner.compiler.suggest import nearest
from runner.compiler.values import problems

CODE = "input-default"


def _remedy(declared: Named, node: Node) -> tuple[str, Fix | None]:
    """What a plain value was probably meant to be."""
    hint = "change the default or the type"
    if not isinstance(node, Scalar) or node.span.line != node.span.end_line:
        return hint, None
    kind, options = declared.plain.get("type"), declared.plain.get("enum")
    if kind == "boolean" and node.text.lower() in OLD_BOOLEANS and not node.style:
        right = OLD_BOOLEANS[node.text.lower()]
        return f"`{node.text}` is a text in YAML 1.2: write `{right}`", Fix(f"write `{right}`", node.span, right)
    if kind == "string" and node.value is not None and not isinstance(node.value, str):
        return f'quote it: "{node.text}"', Fix("quote it", node.span, f'"{node.text}"')
    texts = [option for option in options if isinstance(option, str)] if isinstance(options, list) else []
    near = nearest(node.value, texts) if isinstance(node.value, str) else []
    return (hint, Fix(f"write `{near[0]}`", node.span, spelled(near[0]), safe=False)) if near else (hint, None)


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
            hint, fix = _remedy(declared, node)
            found.append(error(CODE, message, leaf_span(node, sentence), hint, fix=fix))
    return found
