"""What boxes cost while a run goes on: a bill for each, budgets that are reserved against, the run's total.

Costs are estimates: what is allocated × the price of a second × the seconds that a box lives
(docs/price.md). No provider tells what it really charged.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from contextlib import suppress

from runner.compiler.canonical import Json
from runner.compiler.plan.model import Plan
from runner.compiler.spec.units import seconds as duration
from runner.errors import BudgetSpent
from runner.records import dataclass
from runner.run.ports import Clock

#: Seconds below which the rest of a budget is not worth a box.
LEAST = 5.0
#: Seconds between two looks at a budget that others have reserved.
_LOOK = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sandbox may use in one run: US dollars, seconds of all its boxes, seconds that one box lives."""

    usd: float = math.inf
    seconds: float = math.inf
    life: float = math.inf


def limits(plan: Plan) -> dict[str, Limits]:
    """The limits that the spec sets, by sandbox."""
    found = {}
    declared = plan.extra.get("sandboxes")
    for name, given in declared.items() if isinstance(declared, dict) else ():
        about = given if isinstance(given, dict) else {}
        budget = about.get("budget")
        usd, hours = (_number(budget.get(key) if isinstance(budget, dict) else None) for key in ("usd", "hours"))
        life = duration(about.get("timeout"))
        found[name] = Limits(usd, hours * 3600, math.inf if life is None else life)
    return found


def _number(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else math.inf


@dataclass(slots=True, eq=False)
class Bill:
    """What one box costs: `rate` US dollars a second from `since` on. Up to `until` it is reserved; `ended` is None
    while it lives. A `passing` one is closed when its step ends. As long as it is not `begun` there is no box: however
    long that is waited for, nothing is charged, and as much stays reserved.
    """

    sandbox: str
    rate: float
    since: float
    until: float
    passing: bool = False
    ended: float | None = None
    begun: bool = False

    def begin(self, now: float) -> None:
        """The box lives from now on."""
        self.since, self.until, self.begun = now, now + (self.until - self.since), True

    def seconds(self, now: float) -> float:
        """How long the box has lived."""
        if not self.begun:
            return 0.0
        return max(0.0, (now if self.ended is None else self.ended) - self.since)

    def usd(self, now: float) -> float:
        """What it has cost."""
        return self.rate * self.seconds(now)

    def reserved(self, now: float) -> float:
        """The seconds that it may have lived in the end."""
        return self.seconds(now) if self.ended is not None else self.seconds(now) + self.ahead(now)

    def ahead(self, now: float) -> float:
        """The seconds to come that are reserved."""
        return max(0.0, self.until - (now if self.begun else self.since))


class Meter:
    """The bills of one run. Those of runs below are part of its total."""

    def __init__(self, declared: Mapping[str, Limits], clock: Clock, above: Meter | None = None) -> None:
        self._limits = declared
        self._clock = clock
        self._bills: list[Bill] = []
        self._below: list[Meter] = []
        self._closed = asyncio.Event()
        if above is not None:
            above._below.append(self)

    def life(self, sandbox: str) -> float:
        """Seconds that a box of that sandbox may live by the spec."""
        return self._limits.get(sandbox, Limits()).life

    async def reserve(
        self, sandbox: str, rate: float, wanted: float, tell: Callable[[str], None], *, passing: bool
    ) -> Bill:
        """Reserve a box's worst case before it is made: `wanted` seconds, or what the budget still covers.

        Waits for boxes that their steps free. Raises BudgetSpent when that is not worth a box.
        """
        while (left := self._left(sandbox, rate)) < wanted and self._moving(sandbox):
            tell(f"sandbox {sandbox}: the rest of its budget is reserved by other boxes")
            self._closed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self._closed.wait()
        if left < min(wanted, LEAST):
            raise self._spent(sandbox)
        now = self._clock.now()
        bill = Bill(sandbox, rate, now, now + min(wanted, left), passing)
        self._bills.append(bill)
        return bill

    def extend(self, bill: Bill, wanted: float) -> float:
        """Reserve more time for a live box; the seconds from now that are covered, at most `wanted`.

        Raises BudgetSpent when that is not worth another command.
        """
        now = self._clock.now()
        granted = min(wanted, self.most(bill))
        if granted < min(wanted, LEAST):
            raise self._spent(bill.sandbox)
        bill.until = max(bill.until, now + granted)
        return granted

    def most(self, bill: Bill) -> float:
        """Seconds from now that the budget covers a live box at most."""
        return self._left(bill.sandbox, bill.rate) + bill.ahead(self._clock.now())

    def close(self, bill: Bill) -> None:
        """The box is gone, or was never made."""
        if bill.ended is None:
            bill.ended = self._clock.now()
        self._closed.set()

    def carry(self, sandbox: str, usd: float, seconds: float) -> None:
        """Count a box of a process before this one: it is gone, and cost as much."""
        now = self._clock.now()
        rate = usd / seconds if seconds > 0 else 0.0
        self._bills.append(Bill(sandbox, rate, now - seconds, now, ended=now, begun=True))

    def adopt(self, sandbox: str, rate: float, since: float) -> Bill:
        """Count a box of a process before this one that still lives: since when, and at which rate."""
        bill = Bill(sandbox, rate, since, max(since, self._clock.now()), begun=True)
        self._bills.append(bill)
        return bill

    def cancel(self, bill: Bill) -> None:
        """There was no box: nothing is charged."""
        self._bills.remove(bill)
        self._closed.set()

    def usd(self) -> float:
        """What the run has cost until now, with the runs below."""
        now = self._clock.now()
        return sum(bill.usd(now) for bill in self._bills) + sum(below.usd() for below in self._below)

    def seconds(self) -> float:
        """How long its boxes have lived until now, all together, with the runs below."""
        now = self._clock.now()
        return sum(bill.seconds(now) for bill in self._bills) + sum(below.seconds() for below in self._below)

    def document(self) -> dict[str, Json]:
        """The totals as a run's document keeps them."""
        return {"usd": round(self.usd(), 6), "box_seconds": round(self.seconds(), 3)}

    # ------------------------------------------------------------ inside

    def _left(self, sandbox: str, rate: float) -> float:
        """Seconds of a box at that rate which the budget covers beside all that is reserved."""
        allowed, now = self._limits.get(sandbox, Limits()), self._clock.now()
        mine = [bill for bill in self._bills if bill.sandbox == sandbox]
        time = allowed.seconds - sum(bill.reserved(now) for bill in mine)
        usd = allowed.usd - sum(bill.rate * bill.reserved(now) for bill in mine)
        return max(0.0, time if rate == 0 else min(time, usd / rate))

    def _moving(self, sandbox: str) -> bool:
        return any(bill.passing and bill.ended is None for bill in self._bills if bill.sandbox == sandbox)

    def _spent(self, sandbox: str) -> BudgetSpent:
        allowed, now = self._limits[sandbox], self._clock.now()
        mine = [bill for bill in self._bills if bill.sandbox == sandbox]
        used = f"${sum(bill.usd(now) for bill in mine):.4f} and {sum(bill.seconds(now) for bill in mine) / 3600:.3g} h"
        of = [f"${allowed.usd:g}"] if allowed.usd < math.inf else []
        of += [f"{allowed.seconds / 3600:g} h"] if allowed.seconds < math.inf else []
        return BudgetSpent(
            f"sandbox {sandbox}: its budget of {' and '.join(of)} covers no more box: {used} are used",
            "Give the sandbox a larger budget, or its steps shorter timeouts: each is reserved before it starts.",
        )
