"""`policy-event`: a policy waits for an event that no run has."""

from __future__ import annotations

import json
from functools import cache

from runner.compiler.diagnostic import Diagnostic, Fix, warning
from runner.compiler.rules.context import Context
from runner.compiler.schemas import schema_path
from runner.compiler.spec.read import at_text, child, items
from runner.compiler.suggest import certain, did_you_mean, listed, nearest

CODE = "policy-event"
#: What providers report beside the events of a run.
_OF_PROVIDERS = ("sandbox.quota",)


@cache
def _events() -> tuple[str, ...]:
    schema = json.loads(schema_path("event.v1.schema.json").read_bytes())
    return (*schema["properties"]["type"]["enum"], *_OF_PROVIDERS)


def check(context: Context) -> list[Diagnostic]:
    """What a policy names in `on` must be an event: else it never acts."""
    found = []
    for policy in items(context.workflow.node.get("policies")):
        at = at_text(child(policy, "on"))
        if at is None or at.value in _events():
            continue
        near = nearest(at.value, _events())
        kind = at.value.partition(".")[0]
        alike = [name for name in _events() if name.startswith(f"{kind}.")]
        hint = did_you_mean(at.value, _events()) or f"events are {listed(alike or _events(), 'and')}"
        fix = Fix(f"replace it by `{near[0]}`", at.span, near[0], safe=certain(at.value, _events())) if near else None
        found.append(warning(CODE, f"there is no event `{at.value}`, so the policy never acts", at.span, hint, (), fix))
    return found
