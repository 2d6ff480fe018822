"""`output-unwritten`: a declared output that a command does not write, though it writes others."""

from __future__ import annotations

import re

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.document import Scalar
from runner.compiler.expressions.commands import commands
from runner.compiler.rules.context import Context
from runner.compiler.rules.shell.written import FILE, writing
from runner.compiler.suggest import nearest

CODE = "output-unwritten"
_PROGRAM_FILE = re.compile(r"(?!\d)[\w./~-]+\.(?:sh|bash|py|js|mjs|cjs|ts|rb|pl|php)")


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
        if not names or not wrote.plain or names.issuperset(values) or _runs_a_file(shell):
            continue
        meant = {near for name in names if name not in values for near in nearest(name, values)}
        for name in values:
            if name not in names | meant and not re.search(rf"\b{re.escape(name)}\b", shell):
                message = f"`{step.id}` declares the output `{name}` and writes {len(names)} other: the step would fail"
                message = message.replace("1 other", "another one").replace(" other:", " others:")
                hint = f'write it: echo "{name}=…" >> "$RUNNER_OUTPUT"; or remove its declaration'
                found.append(warning(CODE, message, step.outputs[name].span, hint))
    return found


def _runs_a_file(shell: str) -> bool:
    """Whether a program of the step's own runs: it has `$RUNNER_OUTPUT` too, and may write the rest."""
    return any(
        "/" in command.words[0].text or any(_PROGRAM_FILE.fullmatch(word.value) for word in command.words[:4])
        for command in commands(shell)
        if command.words
    )
