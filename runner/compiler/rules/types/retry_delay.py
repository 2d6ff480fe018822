"""`retry-delay`: the wait before another attempt is longer than the longest allowed."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.plan.model import Retry
from runner.compiler.rules.context import Context
from runner.compiler.spec import StepSpec
from runner.compiler.spec.read import child, text

CODE = "retry-delay"
_USUAL = Retry()


def _finding(step: StepSpec) -> Diagnostic | None:
    retry, node = step.retry, step.node.get("retry")
    delay = _USUAL.delay if retry.delay is None else retry.delay
    most = _USUAL.max_delay if retry.max_delay is None else retry.max_delay
    first, last = child(node, "delay"), child(node, "max")
    at = last or first
    if at is None or delay <= most or retry.backoff == "none":
        return None
    words = f"`delay` ({text(first) or f'{delay:g}s, as nothing else is said'}) is longer than "
    words += f"`max` ({text(last) or f'{most:g}s, as nothing else is said'}), so every wait would be cut"
    hint = "raise `max`, or lower `delay`" if last is not None else f"add `max: {text(first)}` or more"
    return error(CODE, f"{words} (in the step `{step.id}`)", at.span, hint)


def check(context: Context) -> list[Diagnostic]:
    """`max` bounds every wait, the first one too: it must not be less than `delay`."""
    found = (_finding(step) for step in context.workflow.all_steps if "retry" in step.node.entries)
    return [finding for finding in found if finding is not None]
