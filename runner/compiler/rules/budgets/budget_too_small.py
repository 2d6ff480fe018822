"""`budget-too-small`: a budget that one run uses up."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Severity, Span
from runner.compiler.plan.amounts import Range, dollars, lasting, shown, shown_time
from runner.compiler.plan.models import least_tokens, model_price
from runner.compiler.rules.budgets.priced import price_of
from runner.compiler.rules.context import Context
from runner.compiler.spec import AgentDecl
from runner.compiler.spec.read import child, plain, plain_map, text

CODE = "budget-too-small"
_TOO_LITTLE = "every run needs more"
_TIGHT = "an ordinary run needs more"
_RAISE = "raise it, or need less: fewer turns, smaller boxes, a shorter `estimate` if that is true"


def _amount(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _verdict(what: str, span: Span, most: float, needed: Range, words: str) -> Iterator[Diagnostic]:
    """An error where even the least is more than the budget, a warning where the likely is."""
    if most < needed.low or (most == 0 < needed.likely):
        yield Diagnostic(CODE, Severity.ERROR, f"{what}: {_TOO_LITTLE} ({words})", span, _RAISE)
    elif most < needed.likely:
        yield Diagnostic(CODE, Severity.WARNING, f"{what}: {_TIGHT} ({words})", span, _RAISE)


def _sandboxes(context: Context) -> Iterator[Diagnostic]:
    budgets = {
        name: budget
        for name, declared in context.workflow.sandboxes.items()
        if (budget := declared.node.get("budget")) is not None
    }
    if not budgets:
        return
    prices = price_of(context).sandboxes
    for name, budget in budgets.items():
        if name not in prices:
            continue
        what, found = f"the sandbox `{name}` has a budget of", prices[name]
        usd, hours = child(budget, "usd"), child(budget, "hours")
        if usd is not None and (most := _amount(plain(usd))) is not None:
            yield from _verdict(
                f"{what} {dollars(most)}", usd.span, most, found.usd, f"its boxes cost {shown(found.usd)}"
            )
        if hours is not None and (most := _amount(plain(hours))) is not None:
            words = f"its boxes live {shown_time(found.seconds)}"
            yield from _verdict(f"{what} {lasting(3600 * most)}", hours.span, 3600 * most, found.seconds, words)


def _agent(agent: AgentDecl) -> Iterator[Diagnostic]:
    budget = agent.node.get("budget")
    limits = plain_map(budget)
    usd, tokens = child(budget, "usd"), child(budget, "tokens")
    what = f"the agent `{agent.id}` has a budget of"
    if tokens is not None and (most := _amount(limits.get("tokens"))) is not None:
        least = least_tokens()
        needed = Range(least, 0, 0)
        yield from _verdict(f"{what} {most:g} tokens", tokens.span, most, needed, f"one turn takes at least {least:g}")
    if usd is not None and (most := _amount(limits.pop("usd"))) is not None:
        needed, _ = model_price(text(agent.node.get("model")), limits)
        words = f"its model costs {shown(needed)} in one step"
        yield from _verdict(f"{what} {dollars(most)}", usd.span, most, needed, words)


def check(context: Context) -> list[Diagnostic]:
    """The budget of a sandbox or an agent must be enough for the cheapest run, and should be for an ordinary one."""
    found = list(_sandboxes(context))
    for agent in context.workflow.agents.values():
        found += _agent(agent)
    return found
