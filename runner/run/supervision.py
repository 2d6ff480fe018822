"""Which runs that were cut off a supervisor goes on with, and when: soon, then ever later, and not for ever."""

from __future__ import annotations

from collections.abc import Mapping

from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a run is gone on with that gets no further, and the seconds before the second time and at most."""

    tries: int = 5
    first: float = 1.0
    longest: float = 60.0

    def pause(self, failures: int) -> float:
        """Seconds before the next try, after so many without progress."""
        return min(self.first * 2.0 ** min(failures - 1, 30), self.longest)


@dataclass(slots=True)
class _Charge:
    """One run: how many of its legs had ended when it was last gone on with, how often it got no further since."""

    legs: int = 0
    failures: int = 0
    not_before: float = 0.0
    under_way: bool = False


class Charges:
    """The runs of one supervisor. Moments are seconds of any clock that only goes forward."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._known: dict[str, _Charge] = {}

    def due(self, cut_off: Mapping[str, int], now: float) -> list[str]:
        """The runs to go on with now, of those that are cut off, each with the number of its legs that have ended; in
        the same order. One that got further since it was last gone on with has all its tries again.
        """
        for run in [run for run, charge in self._known.items() if run not in cut_off and not charge.under_way]:
            del self._known[run]  # it has ended, or is somebody else's
        found = []
        for run, legs in cut_off.items():
            charge = self._known.setdefault(run, _Charge(legs))
            if legs > charge.legs:
                charge.legs, charge.failures = legs, 0
            if not charge.under_way and charge.failures < self._patience.tries and now >= charge.not_before:
                found.append(run)
        return found

    def began(self, run: str) -> None:
        """A process goes on with the run."""
        self._known[run].under_way = True

    def ended(self, run: str, now: float) -> int:
        """That process has ended; how many tries are left, should the run be cut off still."""
        charge = self._known[run]
        charge.under_way, charge.failures = False, charge.failures + 1
        charge.not_before = now + self._patience.pause(charge.failures)
        return self._patience.tries - charge.failures

    @property
    def under_way(self) -> list[str]:
        """The runs that a process goes on with."""
        return [run for run, charge in self._known.items() if charge.under_way]

    def waiting_until(self) -> float | None:
        """When the next try is to be made for a run that has failed; None when there is none."""
        tries = self._patience.tries
        moments = [each.not_before for each in self._known.values() if not each.under_way and 0 < each.failures < tries]
        return min(moments, default=None)

    def left_alone(self) -> list[str]:
        """The runs that no further try is made for."""
        return [run for run, charge in self._known.items() if charge.failures >= self._patience.tries]
