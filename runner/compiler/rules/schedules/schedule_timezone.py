"""`schedule-timezone`: a time zone that does not exist."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.rules.context import Context
from runner.compiler.suggest import did_you_mean

CODE = "schedule-timezone"


@lru_cache(maxsize=256)
def _exists(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return False
    return True


def check(context: Context) -> list[Diagnostic]:
    """`timezone` must be a name of the IANA data base. On a machine without that data base nothing is said."""
    found = []
    for schedule in context.workflow.schedules:
        zone = schedule.timezone
        # Listing all zones takes 20 ms, so only for a name that is none.
        if zone is not None and not _exists(zone.value) and (zones := available_timezones()):
            message = f"the schedule `{schedule.id}`: there is no time zone `{zone.value}`"
            hint = did_you_mean(zone.value, zones) or "a zone is named like Europe/Berlin, or UTC"
            found.append(error(CODE, message, zone.span, hint))
    return found
