"""`secret-printed`: a command prints a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.document import Scalar
from runner.compiler.expressions.commands import Command, commands, uses_of
from runner.compiler.expressions.place import locate
from runner.compiler.expressions.scan import OPEN, pieces, references
from runner.compiler.plan.workload import sandbox_of
from runner.compiler.rules.context import Context
from runner.compiler.rules.shell.written import FILE
from runner.compiler.spec import StepSpec

CODE = "secret-printed"
_PRINTERS = frozenset({"echo", "printf"})
_TO_THE_LOG = ("<<", "<<-", ">&")  # redirections after which the output is still seen
_HINT = "remove it: logs hide secrets only as they are, not a part, nor in another encoding"


def check(context: Context) -> list[Diagnostic]:
    """A variable that holds a secret is not for the log; nor are all variables, nor each command with its values."""
    found: list[Diagnostic] = []
    if not context.workflow.secrets:
        return found
    for step in context.workflow.all_steps:
        if step.kind == "run" and isinstance(step.action, Scalar) and isinstance(step.action.value, str):
            names = _holding(context, step)
            if names:
                found += _printed(context, step, step.action, names)
    return found


def _holding(context: Context, step: StepSpec) -> list[str]:
    """The variables of a step that hold a secret."""
    workflow = context.workflow
    box = workflow.sandboxes.get(sandbox_of(workflow, step) or "")
    found = []
    for name, node in {**(box.env if box else {}), **workflow.env, **step.env}.items():
        inside = pieces(node.value) if isinstance(node.value, str) and OPEN in node.value else ()
        if any(ref.path[0] == "secrets" for one in inside if one.is_expression for ref in references(one.text)):
            found.append(name)
    return found


def _printed(context: Context, step: StepSpec, node: Scalar, names: list[str]) -> Iterator[Diagnostic]:
    shell = str(node.value)
    variable = uses_of(names)
    for command in commands(shell):
        verb, into, hint = _seen(command)
        where = f"(in `run` of the step `{step.id}`)"
        if verb and (command.name in _PRINTERS or (command.name == "cat" and command.bodies)):
            for start, end in _texts(command):
                for match in variable.finditer(shell, start, end):
                    message = f"`{command.name}` {verb} the secret in `{match[match.lastindex or 0]}`{into} {where}"
                    yield warning(CODE, message, locate(context.document, node, *match.span()), hint)
        elif verb and _tells_all(command):
            start, end = command.words[0].start, command.words[-1].end
            message = f"`{shell[start:end]}` prints every value, the secret in `{names[0]}` too {where}"
            yield warning(CODE, message, locate(context.document, node, start, end), _HINT)


def _seen(command: Command) -> tuple[str, str, str]:
    """How what a command prints is seen (a verb and a place), and what to do; empty for a pipe or a file."""
    targets = [(operator, word) for operator, word in command.redirects if operator not in _TO_THE_LOG]
    if command.depth or command.piped_out:
        return "", "", ""
    if any(FILE in word.text for _, word in targets):
        return (
            "writes",
            " into an output",
            "outputs are kept and shown: the step that needs the secret declares it in its `env`",
        )
    return ("", "", "") if targets else ("prints", "", _HINT)


def _texts(command: Command) -> list[tuple[int, int]]:
    words = [(word.start, word.end) for word in command.words[1:] if not word.text.startswith("'")]
    return [*words, *((start, end) for start, end, quoted in command.bodies if not quoted)]


def _tells_all(command: Command) -> bool:
    """`env` and `printenv` alone, `set -x`, `export -p`, `declare -p`."""
    options = [word.text for word in command.words[1:]]
    if command.name in ("env", "printenv"):
        return not options
    if command.name == "set":
        return any(re.fullmatch(r"-[a-wyz]*x[a-z]*", option) for option in options) or "xtrace" in options
    return command.name in ("export", "declare") and options == ["-p"]
