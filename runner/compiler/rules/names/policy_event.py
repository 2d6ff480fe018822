"""`policy-event`: a policy waits for an event that no run has, or for one that it can do nothing about."""

from __future__ import annotations

import json
from functools import cache

from runner.compiler.diagnostic import Diagnostic, Fix, error, warning
from runner.compiler.rules.context import Context
from runner.compiler.schemas import schema_path
from runner.compiler.spec.model import At
from runner.compiler.spec.read import at_text, child, items, text
from runner.compiler.suggest import certain, did_you_mean, listed, nearest

CODE = "policy-event"
#: The failures of providers and boxes, beside the events of a run: `fallback` and `wait` answer these only.
_FAILURES = tuple(f"sandbox.{name}" for name in ("quota", "blocked", "auth", "capacity", "offline", "gone", "budget"))
_ANSWERS = ("fallback", "wait")


@cache
def _events() -> tuple[str, ...]:
    schema = json.loads(schema_path("event.v1.schema.json").read_bytes())
    return (*schema["properties"]["type"]["enum"], *_FAILURES)


def check(context: Context) -> list[Diagnostic]:
    """What a policy names in `on` must be an event, else it never acts; and one that its `do` answers."""
    found = []
    for policy in items(context.workflow.node.get("policies")):
        at, does = at_text(child(policy, "on")), text(child(policy, "do"))
        if at is None:
            continue
        if at.value in _events():
            if does in _ANSWERS and at.value not in _FAILURES:
                found.append(_unanswered(at, does))
            continue
        near = nearest(at.value, _events())
        kind = at.value.partition(".")[0]
        alike = [name for name in _events() if name.startswith(f"{kind}.")]
        hint = did_you_mean(at.value, _events()) or f"events are {listed(alike or _events(), 'and')}"
        fix = Fix(f"replace it by `{near[0]}`", at.span, near[0], safe=certain(at.value, _events())) if near else None
        found.append(warning(CODE, f"there is no event `{at.value}`, so the policy never acts", at.span, hint, (), fix))
    return found


def _unanswered(at: At[str], does: str) -> Diagnostic:
    message = f"`{does}` is no answer to `{at.value}`: it is one to the failures of providers"
    return error(CODE, message, at.span, f"failures are {listed(_FAILURES, 'and')}")
