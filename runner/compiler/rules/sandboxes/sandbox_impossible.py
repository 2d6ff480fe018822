"""`sandbox-impossible`: no provider can give what a sandbox needs."""

from __future__ import annotations

from itertools import product

from runner.compiler.diagnostic import Diagnostic, Fix, Related, Span, error
from runner.compiler.document import Mapping
from runner.compiler.plan.choose import Refusal, choose, provider_names, refusals, runtimes, title_of
from runner.compiler.rules.context import Context
from runner.compiler.spec.model import At, SandboxDecl
from runner.compiler.spec.read import at_text, child, key_span, mapping
from runner.compiler.suggest import certain, listed, nearest

CODE = "sandbox-impossible"


def check(context: Context) -> list[Diagnostic]:
    """At least one provider must be able to meet the needs; the message says why each one cannot, the hint what to
    change so that one could.
    """
    found = []
    for sandbox in context.workflow.sandboxes.values():
        candidates = choose(sandbox.needs, [at.value for at in sandbox.prefer])
        if any(candidate.accepted for candidate in candidates):
            continue
        asked = [one for one in candidates if one.reason != "not listed in `prefer`"]
        refused = {
            one.provider: refusals(sandbox.needs, one.provider) for one in asked if one.provider in provider_names()
        }
        together = _conflict(refused)
        reasons = "; ".join(f"{candidate.provider}: {candidate.reason}" for candidate in candidates)
        with_what = f" with {listed(together, 'and')}" if len(together) > 1 else ""
        message = f"no provider can give the sandbox `{sandbox.id}`{with_what}: {reasons}"
        hint, fix = _remedy(sandbox, refused)
        related = tuple(_related(sandbox, refused))
        found.append(error(CODE, message, _span(sandbox, together), hint, related, fix))
    return found


def _conflict(refused: dict[str, tuple[Refusal, ...]]) -> list[str]:
    """The fewest needs of which every provider refuses one."""
    choices = list(product(*(dict.fromkeys(one.need for one in each) for each in refused.values())))
    fewest = min((dict.fromkeys(choice) for choice in choices), key=len, default={})
    return list(fewest)


def _span(sandbox: SandboxDecl, together: list[str]) -> Span:
    """The need itself when it is one alone; else all of them, or the sandbox that writes none."""
    needs = mapping(sandbox.node.get("needs"))
    if needs is not None and len(together) == 1 and together[0] in needs.entries:
        return key_span(needs, together[0])
    return key_span(sandbox.node, "needs") if needs is not None else sandbox.span


def _related(sandbox: SandboxDecl, refused: dict[str, tuple[Refusal, ...]]) -> list[Related]:
    """Each refusal at the need that it refuses."""
    needs = mapping(sandbox.node.get("needs")) or Mapping({}, sandbox.span)
    return [
        Related(one.reason, needs.entries[one.need].key.span)
        for each in refused.values()
        for one in each
        if one.need in needs.entries
    ]


def _remedy(sandbox: SandboxDecl, refused: dict[str, tuple[Refusal, ...]]) -> tuple[str, Fix | None]:
    runtime = at_text(child(sandbox.node.get("needs"), "runtime"))
    if runtime is not None and runtime.value not in runtimes():
        return _other_runtime(runtime)
    for provider in provider_names():
        if provider not in refused and not refusals(sandbox.needs, provider):
            return f"{title_of(provider)} can give it: add `{provider}` to `prefer`", None
    if not refused:
        return "name a provider that exists in `prefer`", None
    provider = min(refused, key=lambda name: len(refused[name]))
    changes = [one.remedy for one in refused[provider]]
    words = " and ".join(changes) if len(changes) < 3 else f"{', '.join(changes[:-1])} and {changes[-1]}"
    return f"{title_of(provider)} could give it with {words}", None


def _other_runtime(runtime: At[str]) -> tuple[str, Fix | None]:
    near = nearest(runtime.value, runtimes())
    if not near:
        return f"runtimes are {listed(runtimes(), 'and')}; others come with a `template`", None
    return f"did you mean `{near[0]}`?", Fix(
        f"replace it by `{near[0]}`", runtime.span, near[0], safe=certain(runtime.value, runtimes())
    )
