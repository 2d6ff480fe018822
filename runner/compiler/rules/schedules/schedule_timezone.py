"""`schedule-timezone`: a time zone that does not exist."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from runner.compiler.diagnostic import Diagnostic, Fix, error
from runner.compiler.rules.context import Context
from runner.compiler.suggest import nearest

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
            near = _nearest(zone.value, zones)
            hint = f"did you mean `{near}`?" if near else "a zone is named like Europe/Berlin, or UTC"
            fix = Fix(f"replace it by {near}", zone.span, near, safe=False) if near else None
            found.append(error(CODE, message, zone.span, hint, fix=fix))
    return found


def _nearest(name: str, zones: set[str]) -> str:
    """The zone that was probably meant: by its letters whatever their case, or by the city alone."""
    folded = name.replace(" ", "_").casefold()
    same = sorted(zone for zone in zones if folded in (zone.casefold(), zone.rpartition("/")[2].casefold()))
    return next(iter(same or nearest(name, zones)), "")
