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
from runner.compiler.rules.shell.programs import program
from runner.compiler.rules.shell.written import FILE
from runner.compiler.spec import StepSpec

CODE = "secret-printed"
_PRINTERS = frozenset({"echo", "printf"})
_TO_THE_LOG = ("<<", "<<-", "<<<", ">&")  # redirections after which the output is still seen
#: Programs that print what they get, or a form of it that anybody can turn back.
_SHOWING = frozenset({"cat", "tee", "base64", "base32", "xxd", "od", "hexdump", "rev", "sort", "head", "tail", "cut"})
#: What of another language prints a value from its environment; NAME is the variable.
_IN_CODE = {
    "python": r"\b(print)\((?![^\n]*\bif\b)(?=[^()\n#]*os\.(?:environ|getenv)\W{1,8}(?:get\W{1,3})?NAME\b)",
    "node": r"\b(console\.\w+)\((?![^\n]*(?:\?|!!|\.length))(?=[^()\n]*process\.env(?:\.|\W{1,3})NAME\b)",
}
_HINT = "remove it: logs hide secrets only as they are, not a part, nor in another encoding"


def check(context: Context) -> list[Diagnostic]:
    """A variable that holds a secret is not for the log; nor are all variables, nor each command with its values."""
    found: list[Diagnostic] = []
    if not context.workflow.secrets:
        return found
    for step in context.workflow.all_steps:
        node, language = program(step)
        names = _holding(context, step) if node is not None and isinstance(node.value, str) else []
        if node is None or not names:
            continue
        if language in _IN_CODE:
            found += _in_code(context, step, node, names, _IN_CODE[language])
        else:
            found += _printed(context, step, node, names)
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
    all_ = commands(shell)
    for number, command in enumerate(all_):
        verb, into, hint = _seen(command, all_[number + 1 :])
        where = f"(in `{step.kind}` of the step `{step.id}`)"
        if verb and (command.name in _PRINTERS or (command.name == "cat" and _texts(command))):
            for start, end in _texts(command):
                for match in variable.finditer(shell, start, end):
                    message = f"`{command.name}` {verb} the secret in `{match[match.lastindex or 0]}`{into} {where}"
                    yield warning(CODE, message, locate(context.document, node, *match.span()), hint)
        elif verb and command.name == "printenv" and any(word.text in names for word in command.words):
            start, end = command.words[0].start, command.words[-1].end
            message = f"`{shell[start:end]}` prints a secret {where}"
            yield warning(CODE, message, locate(context.document, node, start, end), hint)
        elif verb and _tells_all(command):
            start, end = command.words[0].start, command.words[-1].end
            message = f"`{shell[start:end]}` prints every value, the secret in `{names[0]}` too {where}"
            yield warning(CODE, message, locate(context.document, node, start, end), _HINT)


def _in_code(context: Context, step: StepSpec, node: Scalar, names: list[str], printed: str) -> Iterator[Diagnostic]:
    """What a script in another language prints straight from its environment."""
    for name in names:
        match = re.search(printed.replace("NAME", re.escape(name)), str(node.value))
        if match:
            message = f"`{match[1]}` prints the secret in `{name}` (in `script` of the step `{step.id}`)"
            yield warning(CODE, message, locate(context.document, node, *match.span(1)), _HINT)


def _seen(command: Command, following: tuple[Command, ...]) -> tuple[str, str, str]:
    """How what a command prints is seen (a verb and a place), and what to do; empty for a program or a file.

    Of `following` those behind a pipe count that show what they get.
    """
    last = command
    for after in following if command.piped_out else ():
        if after.depth > command.depth:
            continue
        last = after
        if after.name not in _SHOWING or not after.piped_out:
            break
    targets = [
        (operator, word) for one in (command, last) for operator, word in one.redirects if operator not in _TO_THE_LOG
    ]
    if command.depth or (command.piped_out and last.name not in _SHOWING):
        return "", "", ""
    if any(FILE in word.text for _, word in targets):
        return (
            "writes",
            " into an output",
            "outputs are kept and shown: the step that needs the secret declares it in its `env`",
        )
    return ("", "", "") if targets else ("prints", "", _HINT)


def _texts(command: Command) -> list[tuple[int, int]]:
    given = [word for operator, word in command.redirects if operator == "<<<"]
    words = [(word.start, word.end) for word in (*command.words[1:], *given) if not word.text.startswith("'")]
    return [*words, *((start, end) for start, end, quoted in command.bodies if not quoted)]


def _tells_all(command: Command) -> bool:
    """`env` and `printenv` alone, `set -x`, `export -p`, `declare -p`."""
    options = [word.text for word in command.words[1:]]
    if command.name in ("env", "printenv"):
        return not options
    if command.name == "set":
        return any(re.fullmatch(r"-[a-wyz]*x[a-z]*", option) for option in options) or "xtrace" in options
    return command.name in ("export", "declare") and options == ["-p"]
