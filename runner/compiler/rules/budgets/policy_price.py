"""`policy-price`: a policy about the price of a run that always or never applies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, error, warning
from runner.compiler.document import Node
from runner.compiler.plan.amounts import dollars, shown
from runner.compiler.rules.budgets.priced import price_of
from runner.compiler.rules.context import Context
from runner.compiler.spec.read import child, items, text

CODE = "policy-price"
#: So much above the most that a run can cost, a limit protects from nothing: probably it is meant in cents.
FAR = 100.0
_NUMBER = r"(?P<{0}>\d{{1,9}}(?:\.\d{{1,9}})?)"
_OVER = re.compile(
    rf"\s*(?:run\.cost\.usd\s*>=?\s*{_NUMBER.format('right')}|{_NUMBER.format('left')}\s*<=?\s*run\.cost\.usd)\s*"
)
_ENDS = ("cancel", "fail")


def _limits(context: Context) -> Iterator[tuple[Node, Node, float]]:
    """Policies that apply from a price on: the policy, its condition, the price."""
    for policy in items(context.workflow.node.get("policies")):
        when = child(policy, "when")
        match = _OVER.fullmatch(text(when))
        if match is not None and when is not None:
            yield policy, when, float(match["right"] or match["left"])


def check(context: Context) -> list[Diagnostic]:
    """A policy with a limit in US dollars must lie between the least and the most that a run costs."""
    limits = list(_limits(context))
    if not limits:
        return []
    found: list[Diagnostic] = []
    price = price_of(context)
    for policy, when, limit in limits:
        name, usd = text(child(policy, "id")), shown(price.usd)
        does = text(child(policy, "do"))
        if limit < price.usd.low:
            tell = error if does in _ENDS else warning
            message = f"the policy `{name}` applies in every run: one costs {usd}"
            found.append(tell(CODE, message, when.span, f"a limit above the likely price: {dollars(price.usd.likely)}"))
        elif price.bounded and limit > FAR * price.usd.high > 0:
            message = (
                f"the policy `{name}` never applies: {dollars(limit)} is over {FAR:g} times the most of a run, {usd}"
            )
            found.append(warning(CODE, message, when.span, "the limit is in US dollars, not in cents"))
    return found
