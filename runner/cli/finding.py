"""What `runner doctor` says of one thing."""

from __future__ import annotations

from typing import Literal

from runner.records import dataclass

#: `ok` works · `off` is not asked for · `missing` is not installed, and wanted only by who uses it · `problem` is asked
#: for, or needed by every run, and does not work.
Verdict = Literal["ok", "off", "missing", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what of which area, what it is like, and what to do about it."""

    area: str
    name: str
    verdict: Verdict
    says: str
    remedy: str = ""
