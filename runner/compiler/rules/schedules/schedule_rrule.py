"""`schedule-rrule`: a recurrence rule that cannot be read."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.plan.calendar import refusal
from runner.compiler.plan.recurrence import EXAMPLE, RuleTrouble
from runner.compiler.rules.context import Context
from runner.compiler.rules.schedules.times import rules

CODE = "schedule-rrule"


def check(context: Context) -> list[Diagnostic]:
    """`rrule` must be a rule of RFC 5545 that Prefect can read too."""
    found = []
    for one, rule in rules(context):
        if isinstance(rule, RuleTrouble):
            if not rule.never:
                found.append(error(CODE, one.says(rule.message), one.part(rule), rule.hint, fix=one.fix(rule)))
        elif rule.several and (reason := refusal(one.text)):
            found.append(error(CODE, one.says(f"the rule cannot be read: {reason}"), one.node.span, EXAMPLE))
    return found
