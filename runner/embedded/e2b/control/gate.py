"""The gate: who may come in, how many boxes there may be, how fast they are made and how long they live.

Numbers of the plans and the wording of refusals are the vendor's (its billing and rate-limit pages; `packages/api` of
its public infrastructure repository), so that a client meets here what it would meet there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.folders.keys import PREFIX, Keys
from runner.errors import UsageError
from runner.records import dataclass

#: What the hosted service says; the parts in braces are filled in.
BLOCKED = "team is blocked"
BAD_KEY = "Invalid API key, please visit https://e2b.dev/docs/api-key for more information."
TOO_MANY = (
    "you have reached the maximum number of concurrent E2B sandboxes ({}). If you need more, please visit"
    " 'https://e2b.dev/docs/billing'"
)
TOO_FAST = "sandbox creation rate limit exceeded ({:g} per second), please try again later"
TOO_LONG = "Timeout cannot be greater than {:g} hours"
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Plan:
    """`concurrent` boxes that may run at a time, `rate` of boxes made in a second (None: no limit), and `hours` that
    a box may live.
    """

    name: str
    concurrent: int | None
    rate: float | None
    hours: int


PLANS = {
    each.name: each
    for each in (Plan("hobby", 20, 1.0, 1), Plan("pro", 100, 5.0, 24), Plan("unlimited", None, None, 24))
}


def choose(name: str, quota: int | None = None, rate: float | None = None) -> Plan:
    """A plan by its name, with another quota or rate where they are given. Raises UsageError."""
    if name not in PLANS:
        raise UsageError(f"there is no plan {name!r}", f"plans: {', '.join(PLANS)}")
    plan = PLANS[name]
    if quota is not None and quota < 0:
        raise UsageError(f"a quota of {quota} boxes cannot be", "give 0 or more")
    if rate is not None and not 0 < rate < math.inf:
        raise UsageError(f"a rate of {rate:g} boxes in a second cannot be", "give more than 0")
    return replace(
        plan, concurrent=plan.concurrent if quota is None else quota, rate=plan.rate if rate is None else rate
    )


class Gate:
    """Lets requests in by the keys and the plan."""

    def __init__(
        self, plan: Plan, keys: Keys, running: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`running` counts the boxes that run now; paused ones take no place."""
        self.plan = plan
        self.keys = keys
        self._running = running
        self._clock = clock
        self._coming = 0
        self._tokens = self._most
        self._filled = clock()

    @property
    def _most(self) -> float:
        return max(1.0, self.plan.rate or 1.0)

    @property
    def longest(self) -> int:
        """Seconds that a box may live from its start."""
        return self.plan.hours * _HOUR

    def authorize(self, key: str) -> None:
        """Raises Refused (401) unless `key` is one of ours."""
        if not key:
            raise Refused(401, "authorization header is missing")
        if not key.startswith(PREFIX):
            raise Refused(401, "authorization header is malformed")
        if not self.keys.holds(key):
            raise Refused(401, BAD_KEY)

    @contextmanager
    def place(self, count: int = 1) -> Iterator[None]:
        """Room for so many boxes more, held until the block ends, when they run or never will. Raises Refused (429).

        For whatever makes a box run: create, resume, fork. Of two at the same time only one gets the last place.
        """
        self._check_rate(count)
        self._check_room(count)
        self._coming += count
        try:
            yield
        finally:
            self._coming -= count

    def _check_room(self, count: int) -> None:
        most = self.plan.concurrent
        if most is not None and self._running() + self._coming + count > most:
            raise Refused(429, TOO_MANY.format(most))

    def _check_rate(self, count: int) -> None:
        rate = self.plan.rate
        if rate is None:
            return
        now = self._clock()
        self._tokens = min(self._most, self._tokens + (now - self._filled) * rate)
        self._filled = now
        # More at once than ever fit in (a large fork) must not wait for what never comes.
        wanted = min(float(count), self._most)
        if self._tokens < wanted:
            wait = math.ceil((wanted - self._tokens) / rate)
            raise Refused(429, TOO_FAST.format(rate), {"retry-after": str(max(1, wait))})
        self._tokens -= wanted

    def seconds(self, value: object) -> float:
        """A time to live that a client names. Raises Refused (400)."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
            raise Refused(400, f"timeout must be a number of seconds, not {value!r}")
        if value > self.longest:
            raise Refused(400, TOO_LONG.format(self.plan.hours))
        return float(value)

    def end(self, started_at: float, asked: float) -> float:
        """The Unix time at which a box ends that started then and is asked to live until `asked`: never later than
        the plan lets it live from its start, which the hosted service cuts without a word.
        """
        return min(asked, started_at + self.longest)
