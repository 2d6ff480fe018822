"""`test-values`: a test of the spec gives or expects a value that does not fit the declared type."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.document import Mapping, Node
from runner.compiler.rules.context import Context
from runner.compiler.rules.types.leaf import leaf_span
from runner.compiler.spec import StepSpec, Workflow
from runner.compiler.spec.read import child, items, plain, text
from runner.compiler.values import problems

CODE = "test-values"
Given = tuple[str, dict[str, Json], Node]


def _outputs(workflow: Workflow, node: Node | None) -> Iterator[Given]:
    """The values of outputs below a map of steps. An artifact and a list of legs have no type here."""
    for id_, entry in node.entries.items() if isinstance(node, Mapping) else ():
        step = workflow.steps.get(id_)
        outputs = child(entry.value, "outputs")
        if step is not None and _is_single(step) and isinstance(outputs, Mapping):
            for name, value in outputs.entries.items():
                declared = step.outputs.get(name)
                if declared is not None and declared.schema is not None:
                    yield f"the output `{name}` of the step `{id_}`", declared.schema, value.value


def _is_single(step: StepSpec) -> bool:
    return step.matrix is None and "for_each" not in step.node.entries


def _given(workflow: Workflow, test: Node) -> Iterator[Given]:
    inputs = child(test, "inputs")
    for name, entry in inputs.entries.items() if isinstance(inputs, Mapping) else ():
        if name in workflow.inputs:
            yield f"the input `{name}`", workflow.inputs[name].plain, entry.value
    yield from _outputs(workflow, child(test, "stubs"))
    yield from _outputs(workflow, child(child(test, "expect"), "steps"))


def check(context: Context) -> list[Diagnostic]:
    """The values in a test must be such that a run could have them."""
    return [
        error(
            CODE,
            f"the test `{text(child(test, 'name'))}`, {what}: {sentence}",
            leaf_span(node, sentence),
            "give a value that the declared type allows",
        )
        for test in items(context.workflow.node.get("tests"))
        for what, schema, node in _given(context.workflow, test)
        for sentence in problems(schema, plain(node))
    ]
