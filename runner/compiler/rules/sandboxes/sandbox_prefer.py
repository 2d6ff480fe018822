"""`sandbox-prefer`: a preferred provider cannot give what the sandbox needs, and is never taken."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Related, warning
from runner.compiler.plan.choose import choose, provider_names, refusals
from runner.compiler.rules.context import Context
from runner.compiler.spec.read import mapping

CODE = "sandbox-prefer"


def check(context: Context) -> list[Diagnostic]:
    """Every provider in `prefer` should be able to serve: one that never can is no fallback."""
    found = []
    for sandbox in context.workflow.sandboxes.values():
        preferred = [at for at in sandbox.prefer if at.value in provider_names()]
        if not preferred or not any(one.accepted for one in choose(sandbox.needs, [at.value for at in preferred])):
            continue
        needs = mapping(sandbox.node.get("needs"))
        for at in preferred:
            for refusal in refusals(sandbox.needs, at.value)[:1]:
                message = f"`{at.value}` is never taken for the sandbox `{sandbox.id}`: {refusal.reason}"
                hint = f"remove it from `prefer`; it would serve with {refusal.remedy}"
                entry = needs.entries.get(refusal.need) if needs else None
                related = (Related(f"`{refusal.need}` is needed here", entry.key.span),) if entry else ()
                found.append(warning(CODE, message, at.span, hint, related))
    return found
