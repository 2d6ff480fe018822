"""`output-undeclared`: a command writes an output that the step does not declare."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Fix, error
from runner.compiler.document import Scalar
from runner.compiler.expressions.place import locate
from runner.compiler.rules.context import Context
from runner.compiler.rules.shell.written import FILE, writing
from runner.compiler.suggest import certain, existing, nearest

CODE = "output-undeclared"


def check(context: Context) -> list[Diagnostic]:
    """What is written to `$RUNNER_OUTPUT` must be under `outputs` of the step, as a value: the step fails otherwise."""
    found = []
    for step in context.workflow.all_steps:
        node = step.action
        if step.kind != "run" or not isinstance(node, Scalar) or FILE not in str(node.value):
            continue
        values = [name for name, output in step.outputs.items() if output.artifact is None]
        for one in writing(str(node.value)).names:
            if one.name in values:
                continue
            span = locate(context.document, node, one.start, one.end)
            if one.name in step.outputs:
                message = (
                    f"the output `{one.name}` of `{step.id}` is an artifact: files are collected, no value is written"
                )
                found.append(error(CODE, message, span, "remove the line, or declare the output with a `type`"))
                continue
            near = nearest(one.name, values)
            hint = f"did you mean `{near[0]}`?" if near else f"declare it: outputs: {{{one.name}: {{type: string}}}}"
            fix = Fix(f"replace it by `{near[0]}`", span, near[0], safe=certain(one.name, values)) if near else None
            message = f"the step `{step.id}` declares no output `{one.name}`; {existing(values)}".removesuffix("; ")
            found.append(error(CODE, message, span, hint, fix=fix))
    return found
