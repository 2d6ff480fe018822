"""`expression-constant`: a condition that is always true, or always false."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error, warning
from runner.compiler.expressions.check import Trouble
from runner.compiler.expressions.scan import OPEN, references
from runner.compiler.rules.context import Context
from runner.compiler.rules.examined import Examined, span_of

CODE = "expression-constant"
_NEVER = {
    "if": "{owner} never runs",
    "accept": "{owner} is never reached",
    "when": "{owner} never does anything",
    "repeat.until": "{owner} is repeated to the end and fails",
}
_HINT = "write a condition that depends on the run"


def _owner(one: Examined) -> str:
    """What the condition belongs to: `if` of the step `a` belongs to the step."""
    return one.where.partition(" of ")[2]


def _whole(context: Context, one: Examined) -> Diagnostic | None:
    """A condition that is constant though no part of it is told."""
    span = span_of(context.document, one.found)
    shown = " ".join(one.found.text.split())
    if one.verdict.truth is False and shown == "false":  # switched off on purpose, perhaps
        never = _NEVER[one.found.use.place].format(owner=_owner(one))
        hint = "remove it when it is needed no more, or write a condition that can be true"
        return warning(CODE, f"`false` is never true, so {never} (in {one.where})", span, hint)
    if one.verdict.truth is False:
        never = _NEVER[one.found.use.place].format(owner=_owner(one))
        hint = "remove it, or write a condition that can be true"
        return error(CODE, f"`{shown}` is always false, so {never} (in {one.where})", span, hint)
    return warning(CODE, f"`{shown}` is always true (in {one.where})", span, "remove it: it decides nothing")


def _part(context: Context, one: Examined, trouble: Trouble) -> Diagnostic:
    span = span_of(context.document, one.found, trouble.start, trouble.end)
    if one.found.use.mode == "bool" and one.verdict.truth is False:
        never = _NEVER[one.found.use.place].format(owner=_owner(one))
        return error(CODE, f"{trouble.message}; so {never} (in {one.where})", span, _HINT)
    return warning(CODE, f"{trouble.message} (in {one.where})", span, f"remove it, or {_HINT}")


def _about(context: Context, one: Examined) -> list[Diagnostic]:
    asked = any(
        reference.path[0] == "steps" and reference.path[2:3] == ("state",) for reference in references(one.found.text)
    )
    if asked and one.found.use.place == "if" and one.verdict.truth is True:
        return []  # how a step says that it runs whatever happened before
    told = [trouble for trouble in one.verdict.troubles if trouble.kind == "constant"]
    if told:
        return [_part(context, one, trouble) for trouble in told]
    whole = one.found.use.mode == "bool" and one.verdict.truth is not None
    finding = _whole(context, one) if whole else None
    return [finding] if finding else []


def check(context: Context) -> list[Diagnostic]:
    """A condition must depend on something; what is never true makes a step unreachable."""
    found: list[Diagnostic] = []
    for one in context.examined:
        in_brackets = one.found.use.mode == "bool" and OPEN in one.found.text  # which is told already
        if one.found.closed and one.verdict.sound and not in_brackets:
            found += _about(context, one)
    return found
