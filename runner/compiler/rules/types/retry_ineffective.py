"""`retry-ineffective`: how to repeat a step that is not repeated, or to wait where there is no wait."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Span, warning
from runner.compiler.document import Mapping
from runner.compiler.rules.context import Context
from runner.compiler.spec import StepSpec
from runner.compiler.suggest import listed

CODE = "retry-ineffective"
_WAITS = ("delay", "max", "jitter")


def _verdict(step: StepSpec, retry: Mapping) -> tuple[set[str], str, str]:
    """The keys without effect, why, and what to do."""
    keys = set(retry.entries)
    if step.retry.attempts in (None, 1):
        why = "there is only one attempt" if "attempts" in keys else "without `attempts` there is only one"
        return (
            keys - {"attempts"},
            why,
            "add `attempts: 3`" if "attempts" not in keys else "raise `attempts`, or remove it",
        )
    if step.retry.backoff == "none":
        return keys & set(_WAITS), "with `backoff: none` there is no wait", "remove it, or write `backoff: fixed`"
    return set(), "", ""


def _steps(context: Context) -> list[tuple[StepSpec, Mapping]]:
    pairs = ((step, step.node.get("retry")) for step in context.workflow.all_steps)
    return [(step, retry) for step, retry in pairs if isinstance(retry, Mapping)]


def check(context: Context) -> list[Diagnostic]:
    """What says how to repeat a step should have an effect, in `defaults` on one step at least."""
    steps = _steps(context)
    verdicts = [_verdict(step, retry) for step, retry in steps]
    effective = {
        entry.key.span
        for (_, retry), (idle, _, _) in zip(steps, verdicts, strict=True)
        for key, entry in retry.entries.items()
        if key not in idle
    }
    told: dict[Span, Diagnostic] = {}
    for (step, retry), (idle, why, hint) in zip(steps, verdicts, strict=True):
        keys = {key: entry.key.span for key, entry in retry.entries.items() if key in idle}
        vain = [key for key, span in keys.items() if span not in effective]
        if vain:
            verb = "has" if len(vain) == 1 else "have"
            message = f"{listed(vain, 'and')} {verb} no effect: {why} (in the step `{step.id}`)"
            told.setdefault(keys[vain[0]], warning(CODE, message, keys[vain[0]], hint))
    return list(told.values())
