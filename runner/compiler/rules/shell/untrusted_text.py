"""`untrusted-text`: what somebody else decides is executed as program text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from runner.compiler.diagnostic import Diagnostic, Severity
from runner.compiler.document import Scalar
from runner.compiler.expressions.commands import commands, uses_of
from runner.compiler.expressions.place import locate
from runner.compiler.expressions.scan import CLOSE, OPEN, pieces
from runner.compiler.expressions.shell import rewrite
from runner.compiler.plan.workload import sandbox_of
from runner.compiler.rules.context import Context
from runner.compiler.rules.shell.programs import program
from runner.compiler.rules.shell.sinks import Sink, reads_program, sinks
from runner.compiler.rules.untrusted import Known, Source, sources, sources_in, texts_in
from runner.compiler.spec import StepSpec
from runner.records import dataclass

CODE = "untrusted-text"
_COMMAND_NAME = "as one word it names the program to run; choose it by an input with `enum`"
_QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.", re.DOTALL)
#: Where a variable may be the first word of a command.
_FIRST = re.compile(r"(?:^|[;&|(`{!\n]|\b(?:then|do|else|sudo|exec|env)\s)\s*\"?\$")
#: What of another language executes a text from its environment; NAME is the variable.
_IN_CODE = {
    "python": r"\b(?:eval|exec|os\.system|os\.popen|subprocess\.\w+(?=\([^\n]*shell\s*=\s*True))"
    r"\((?=[^\n]*os\.(?:environ|getenv)\W{1,8}(?:get\W{1,3})?NAME\b)",
    "node": r"\b(?:eval|Function|exec|execSync)\((?=[^\n]*process\.env(?:\.|\W{1,3})NAME\b)",
}


@dataclass(frozen=True, slots=True)
class _Value:
    """A value that somebody else decides, where it stands in the text of a step: its name for people, its offsets."""

    name: str
    source: Source
    start: int
    end: int


def check(context: Context) -> list[Diagnostic]:
    """What agents, events and people write may be data of a command, and never a command."""
    known: Known | None = None
    found: list[Diagnostic] = []
    for step in context.workflow.all_steps:
        node, language = program(step)
        if node is None or not isinstance(node.value, str) or "$" not in context.document.text:
            continue
        known = sources(context) if known is None else known
        if not known:
            return []
        own = sources_in(step, known)
        names = _variables(context, step, own)
        if language in _IN_CODE:
            found += _in_code(context, step, node, language, names)
        else:
            found += _in_shell(context, step, node, own if language == "run" else {}, names)
            found += _from_input(context, step, own)
    return found


def _variables(context: Context, step: StepSpec, known: Known) -> dict[str, tuple[str, Source]]:
    """The variables of a step that hold such a value, each with the name of the value."""
    workflow = context.workflow
    box = workflow.sandboxes.get(sandbox_of(workflow, step) or "")
    found = {}
    for name, node in {**(box.env if box else {}), **workflow.env, **step.env}.items():
        for piece in pieces(node.value) if isinstance(node.value, str) and OPEN in node.value else ():
            inside = texts_in(piece.text, known) if piece.is_expression else []
            if inside:
                found[name] = (str(inside[0][0]), inside[0][1])
    return found


def _in_shell(
    context: Context, step: StepSpec, node: Scalar, known: Known, names: Mapping[str, tuple[str, Source]]
) -> Iterator[Diagnostic]:
    shell = str(node.value)
    values = list(_values(shell, known, names))
    if not values:
        return
    assigned = dict(_assigned(shell, values))
    if assigned:
        values = list(_values(shell, known, {**names, **assigned}))
    executed = [*sinks(shell), *_names_of_commands(shell, values)]
    for value in values:
        sink = next((one for one in executed if one.start <= value.start and value.end <= one.end), None)
        if sink:
            yield _finding(context, step, node, value, sink)


def _assigned(shell: str, values: list[_Value]) -> Iterator[tuple[str, tuple[str, Source]]]:
    """The variables of the text itself that hold such a value: `CMD=$VALUE`."""
    for command in commands(shell):
        for word in command.assigned:
            for value in values:
                if word.start <= value.start and value.end <= word.end:
                    yield word.text.partition("=")[0].rstrip("+"), (value.name.strip("`").lstrip("$"), value.source)


def _from_input(context: Context, step: StepSpec, known: Known) -> Iterator[Diagnostic]:
    """A text that begins with a shell, or another program, that executes its standard input, given in `stdin`."""
    node = step.stdin
    if node is None or not isinstance(node.value, str):
        return
    first = next(iter(commands(str(getattr(step.action, "value", "")))), None)
    if first is None or first.bodies:
        return
    if not reads_program(first) or any(operator in ("<", "<<<") for operator, _ in first.redirects):
        return
    for value in _values(node.value, known, {}):
        instead = "hand it over as an argument of a program that the step itself names"
        yield _finding(context, step, node, value, Sink(0, 0, f"`{first.name}` from `stdin`", instead), "stdin")


def _values(shell: str, known: Known, names: Mapping[str, tuple[str, Source]]) -> Iterator[_Value]:
    kept = {one.start for one in rewrite(shell).problems}  # the shell keeps their text: `shell-quotes` tells that
    for piece in pieces(shell) if known and OPEN in shell else ():
        if piece.start - len(OPEN) in kept:
            continue
        inside = texts_in(piece.text, known) if piece.is_expression and piece.closed else []
        for reference, source in inside[:1]:
            start, end = piece.start - len(OPEN), piece.start + len(piece.text) + len(CLOSE)
            yield _Value(f"`{reference}`", source, start, end)
    if names and "$" in shell:
        quoted = [match.span() for match in _QUOTED.finditer(shell) if match[0][0] == "'"]
        for match in uses_of(names).finditer(shell):
            name = match[match.lastindex or 0]
            if not any(start < match.start() < end for start, end in quoted):
                yield _Value(f"`${name}` (`{names[name][0]}`)", names[name][1], *match.span())


def _names_of_commands(shell: str, values: list[_Value]) -> Iterator[Sink]:
    """A value in the place of a program's name."""
    for command in commands(shell) if _FIRST.search(shell) else ():
        first = command.words[0] if command.words else None
        for value in values:
            if first and first.text.lstrip('"').startswith("$") and first.start <= value.start < value.end <= first.end:
                yield Sink(first.start, first.end, "the shell", _COMMAND_NAME)


def _in_code(
    context: Context, step: StepSpec, node: Scalar, language: str, names: Mapping[str, tuple[str, Source]]
) -> Iterator[Diagnostic]:
    code = str(node.value)
    for name, (origin, source) in names.items():
        match = re.search(_IN_CODE[language].replace("NAME", re.escape(name)), code) if name in code else None
        if match:
            by = match[0].rstrip("(")
            value = _Value(f"`{name}` (`{origin}`)", source, match.start(), match.end() - 1)
            instead = "use it as data: no `eval`, and programs with a list of arguments instead of a shell"
            yield _finding(context, step, node, value, Sink(0, 0, f"`{by}`", instead))


def _finding(context: Context, step: StepSpec, node: Scalar, value: _Value, sink: Sink, key: str = "") -> Diagnostic:
    severity = Severity.ERROR if value.source.who in ("agent", "event") else Severity.WARNING
    where = f"(in `{key or step.kind}` of the step `{step.id}`)"
    message = f"{value.name} is executed by {sink.by}: {value.source.words} {where}"
    return Diagnostic(CODE, severity, message, locate(context.document, node, value.start, value.end), sink.instead)
