"""`shell-syntax`: a quote, a bracket or a heredoc that nothing closes."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.document import Mapping, Scalar
from runner.compiler.expressions.place import locate
from runner.compiler.expressions.shell import Unclosed, unclosed
from runner.compiler.rules.context import Context
from runner.compiler.spec import StepSpec
from runner.compiler.spec.read import text

CODE = "shell-syntax"
_NAMES = {'"': "double quote", "'": "single quote", "`": "backquote"}
_CLOSING = {'"': '"', "'": "'", "$'": "'", "`": "`", "(": ")", "$(": ")", "${": "}"}


def check(context: Context) -> list[Diagnostic]:
    """What is opened in a shell text must be closed in it: the shell refuses the rest, or reads on to the end."""
    found = []
    for step in context.workflow.all_steps:
        node = step.action
        if step.kind == "script" and isinstance(node, Mapping):
            node = node.get("code") if text(node.get("language")) == "bash" else None
        elif step.kind != "run":
            continue
        if isinstance(node, Scalar) and isinstance(node.value, str):
            found += [_finding(context, step, node, one) for one in unclosed(node.value)[:1]]
    return found


def _finding(context: Context, step: StepSpec, node: Scalar, one: Unclosed) -> Diagnostic:
    where = f"(in `{step.kind}` of the step `{step.id}`)"
    span = locate(context.document, node, one.start, one.start + len(one.mark))
    if one.mark.startswith("<<"):
        word = one.mark.removeprefix("<<")
        message = f"the heredoc `{one.mark}` has no end: no line is `{word}` alone {where}"
        hint = f"end it by the line `{word}`, without spaces around it"
        return error(CODE, message, span, hint)
    name = _NAMES.get(one.mark, f"`{one.mark}`")
    message = f"this {name} is never closed, so the shell cannot read the text {where}"
    return error(CODE, message, span, f"close it with {_CLOSING[one.mark]}, or put a backslash before it")
