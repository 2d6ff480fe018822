"""`output-unwritten`: a declared output that a command does not write, though it writes others."""

from __future__ import annotations

import re

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.document import Scalar
from runner.compiler.rules.context import Context
from runner.compiler.rules.shell.written import FILE, writing
from runner.compiler.suggest import nearest

CODE = "output-unwritten"


def check(context: Context) -> list[Diagnostic]:
    """A declared value must be written, or the step fails in the end. A text without its name does not write it."""
    found = []
    for step in context.workflow.all_steps:
        node = step.action
        if step.kind != "run" or not isinstance(node, Scalar) or FILE not in str(node.value):
            continue
        shell = str(node.value)
        wrote = writing(shell)
        names = {one.name for one in wrote.names}
        values = [name for name, output in step.outputs.items() if output.artifact is None]
        meant = {near for name in names if name not in values for near in nearest(name, values)}
        for name in values:
            if names and wrote.plain and name not in names | meant and not re.search(rf"\b{re.escape(name)}\b", shell):
                message = f"`{step.id}` declares the output `{name}` and writes {len(names)} other: the step would fail"
                message = message.replace("1 other", "another one").replace(" other:", " others:")
                hint = f'write it: echo "{name}=…" >> "$RUNNER_OUTPUT"; or remove its declaration'
                found.append(warning(CODE, message, step.outputs[name].span, hint))
    return found
