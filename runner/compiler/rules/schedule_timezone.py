"""`schedule-timezone`: a time zone that does not exist."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import available_timezones

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.rules.context import Context, error
from runner.compiler.suggest import did_you_mean

CODE = "schedule-timezone"


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def check(context: Context) -> list[Diagnostic]:
    """`timezone` must be a name of the IANA data base. On a machine without that data base nothing is said."""
    return [
        error(
            CODE,
            f"the schedule `{schedule.id}`: there is no time zone `{schedule.timezone.value}`",
            schedule.timezone.span,
            did_you_mean(schedule.timezone.value, _zones()) or "a zone is named like Europe/Berlin, or UTC",
        )
        for schedule in context.workflow.schedules
        if schedule.timezone is not None and _zones() and schedule.timezone.value not in _zones()
    ]
