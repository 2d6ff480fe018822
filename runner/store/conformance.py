"""What every state store has to keep, as named checks; each tells the wound that made it.

A check that does not hold raises AssertionError (or whatever the store raised). The test suites run all of them on
every store; so can anybody who writes another one::

    for check in CHECKS:
        await check.run(Bench(store, reopen))  # with a new, opened, empty store each time
"""

from __future__ import annotations

from runner.store.checks import graph, journal, leases, letters, lists, records, values
from runner.store.checks.bench import Bench, Check

__all__ = ["CHECKS", "Bench", "Check"]

CHECKS: tuple[Check, ...] = (
    *records.CHECKS,
    *values.CHECKS,
    *journal.CHECKS,
    *lists.CHECKS,
    *letters.CHECKS,
    *leases.CHECKS,
    *graph.CHECKS,
)
