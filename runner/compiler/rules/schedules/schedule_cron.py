"""`schedule-cron`: a cron expression that cannot be read."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.plan.cron import CronTrouble
from runner.compiler.rules.context import Context
from runner.compiler.rules.schedules.times import crons

CODE = "schedule-cron"


def check(context: Context) -> list[Diagnostic]:
    """`cron` must be five fields, each within its range."""
    return [
        error(CODE, one.says(trouble.message), one.part(trouble), trouble.hint, fix=one.fix(trouble))
        for one, trouble in crons(context)
        if isinstance(trouble, CronTrouble) and not trouble.never
    ]
