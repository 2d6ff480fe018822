"""`test-names`: a test of the spec speaks of a step, an output or an input that does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.document import Mapping, Node
from runner.compiler.rules.context import Context, bounded, unknown
from runner.compiler.rules.names.mentions import step_named
from runner.compiler.spec import Workflow
from runner.compiler.spec.model import At
from runner.compiler.spec.read import at_text, child, items

CODE = "test-names"


def _keys(node: Node | None) -> list[At[str]]:
    return [At(key, entry.key.span) for key, entry in node.entries.items()] if isinstance(node, Mapping) else []


def _steps(workflow: Workflow, test: Node) -> Iterator[Diagnostic]:
    """Faults, stubs and expectations of steps, and the outputs of those that exist."""
    known = [*workflow.steps, *(step.id for step in workflow.all_steps if step.id not in workflow.steps)]
    fault_steps = [at_text(child(fault, "step")) for fault in items(child(test, "faults"))]
    stubs, expected = child(test, "stubs"), child(child(test, "expect"), "steps")
    named = [*(at for at in fault_steps if at is not None), *_keys(stubs), *_keys(expected)]
    for at in named:
        if at.value not in known:
            yield unknown(CODE, "the step", at, known, "a test names ids of `steps`")
    for group in (stubs, expected):
        for at in _keys(group):
            yield from _outputs(workflow, at.value, child(child(group, at.value), "outputs"))


def _outputs(workflow: Workflow, id_: str, node: Node | None) -> Iterator[Diagnostic]:
    step = step_named(workflow, id_)
    if step is None or step.kind == "workflow":  # the outputs of another workflow are declared in its own file
        return
    for at in _keys(node):
        if at.value not in step.outputs:
            how = f"declare it under `outputs` of the step `{id_}`"
            yield unknown(CODE, f"the output of `{id_}` called", at, list(step.outputs), how)


def _findings(workflow: Workflow) -> Iterator[Diagnostic]:
    for test in items(workflow.node.get("tests")):
        yield from _steps(workflow, test)
        for at in _keys(child(test, "inputs")):
            if at.value not in workflow.inputs:
                yield unknown(CODE, "the input", at, list(workflow.inputs), "declare it under `inputs`")


def check(context: Context) -> list[Diagnostic]:
    """What a test stubs, breaks, expects or gives must exist: else the test shows nothing."""
    return bounded(_findings(context.workflow))
