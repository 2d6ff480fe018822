"""`milestone-date`: a milestone is due on a day that no calendar has."""

from __future__ import annotations

import re
from datetime import date, timedelta

from runner.compiler.diagnostic import Diagnostic, Fix, error
from runner.compiler.rules.context import Context

CODE = "milestone-date"
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


def _last_day(year: int, month: int) -> date:
    """The last day of a month."""
    following = date(year + month // 12, month % 12 + 1, 1)
    return following - timedelta(days=1)


def check(context: Context) -> list[Diagnostic]:
    """A date must exist: months have 28 to 31 days."""
    found = []
    for milestone in context.workflow.milestones:
        at = milestone.due
        match = _DATE.fullmatch(at.value) if at else None
        if at is None or match is None:
            continue
        year, month, day = (int(part) for part in match.groups())
        if not (0 < year < 9999 and 0 < month <= 12 and day > 0):  # what is no date at all is the schema's to tell
            continue
        last = _last_day(year, month)
        if day > last.day:
            message = f"there is no {at.value}: that month has {last.day} days"
            fix = Fix(f"write `{last}`", at.span, f"{last}", safe=False)
            found.append(error(CODE, message, at.span, f"did you mean `{last}`?", fix=fix))
    return found
