"""`schedule-never`: a schedule that never fires."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.plan.cron import CronTrouble
from runner.compiler.plan.recurrence import RuleTrouble
from runner.compiler.rules.context import Context
from runner.compiler.rules.schedules.times import crons, rules

CODE = "schedule-never"


def check(context: Context) -> list[Diagnostic]:
    """A schedule must have a time that exists, before its end."""
    return [
        error(CODE, one.says(trouble.message), one.part(trouble), trouble.hint)
        for one, trouble in (*crons(context), *rules(context))
        if isinstance(trouble, CronTrouble | RuleTrouble) and trouble.never
    ]
