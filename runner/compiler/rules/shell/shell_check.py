"""`shell-check`: what ShellCheck finds in the shell texts of the steps. Only where it was asked for."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Severity, Span
from runner.compiler.document import Mapping, Scalar
from runner.compiler.expressions.place import locate
from runner.compiler.expressions.shell import ShellText, rewrite
from runner.compiler.rules.context import Context
from runner.compiler.spec import StepSpec
from runner.compiler.spec.read import text
from runner.compiler.surroundings import ShellNote
from runner.records import dataclass

CODE = "shell-check"
_SEVERITY = {"error": Severity.ERROR, "warning": Severity.WARNING}
_UNASSIGNED = "SC2154"  # the variable may come from `env`, which ShellCheck does not see


@dataclass(frozen=True, slots=True)
class _Text:
    """A shell text of a step: where it is written, as the shell gets it, and its dialect."""

    step: StepSpec
    node: Scalar
    shell: ShellText
    dialect: str


def check(context: Context) -> list[Diagnostic]:
    """The texts of `run`, and of `script` in bash, must pass ShellCheck."""
    ask = context.around.shell
    texts = _texts(context) if ask else []
    if ask is None or not texts:
        return []
    answers = ask([(one.shell.command, one.dialect) for one in texts])
    return [
        _finding(context, one, note)
        for one, notes in zip(texts, answers, strict=True)
        for note in notes
        if not _of_env(context, one.step, note)
    ]


def _texts(context: Context) -> list[_Text]:
    """Every shell text once, though steps may share one; without those that have findings of their own."""
    found: dict[Span, _Text] = {}
    for step in context.workflow.all_steps:
        node, dialect = step.action, "bash -e"
        if step.kind == "script" and isinstance(node, Mapping) and text(node.get("language")) == "bash":
            node, dialect = node.get("code"), "bash"
        elif step.kind != "run":
            continue
        if not isinstance(node, Scalar) or not isinstance(node.value, str) or node.span in found:
            continue
        shell = rewrite(node.value) if step.kind == "run" else ShellText(node.value, {})
        if not shell.problems and not shell.unclosed:
            found[node.span] = _Text(step, node, shell, dialect)
    return list(found.values())


def _of_env(context: Context, step: StepSpec, note: ShellNote) -> bool:
    if note.code != _UNASSIGNED:
        return False
    sandboxes = context.workflow.sandboxes.values()
    known = {*context.workflow.env, *step.env, *(name for sandbox in sandboxes for name in sandbox.env)}
    return note.message.partition(" ")[0] in known


def _finding(context: Context, one: _Text, note: ShellNote) -> Diagnostic:
    if not note.code.startswith("SC"):
        return Diagnostic(CODE, Severity.WARNING, note.message, one.step.span)
    start = one.shell.source(_offset(one.shell.command, note.line, note.column))
    end = one.shell.source(_offset(one.shell.command, note.end_line, note.end_column), end=True)
    span = locate(context.document, one.node, start, max(start + 1, end))
    message = f"{note.code}: {note.message} (in `{one.step.kind}` of the step `{one.step.id}`)"
    hint = f"https://www.shellcheck.net/wiki/{note.code}; where it is meant: # shellcheck disable={note.code}"
    return Diagnostic(CODE, _SEVERITY.get(note.level, Severity.INFO), message, span, hint)


def _offset(command: str, line: int, column: int) -> int:
    """The offset of a 1-based line and column."""
    at = 0
    for _ in range(line - 1):
        at = command.find("\n", at) + 1
    return min(at + column - 1, len(command))
