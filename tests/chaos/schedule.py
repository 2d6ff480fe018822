"""What is done to whom, and when: decided by a seed before anything runs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tests.chaos.cases import ASKED, CASES, CHAIN, FAMILY, FAN, ONCE, OWN, PATIENT, STUBBORN, TAB, Case

Victim = Literal["runner", "gateway", "weaviate", "edge", "browser"]
VICTIMS: tuple[Victim, ...] = get_args(Victim)
#: The specs that each victim is killed under.
_UNDER: dict[Victim, Sequence[Case]] = {
    "runner": CASES,
    "gateway": (CHAIN, FAN, STUBBORN, ASKED, ONCE, FAMILY, OWN),
    "weaviate": (CHAIN, FAN, FAMILY),
    "edge": (PATIENT,),
    "browser": (TAB,),
}
#: Seconds from the start of a command to what would be its end, about.
_SPAN = 1.6


@dataclass(frozen=True)
class Blow:
    """A kill -9 of `victim`: when the command has told `events` of its events, or, without, `seconds` after its start;
    `pause` is how long it stays dead before somebody comes for it.
    """

    victim: Victim
    events: int | None
    seconds: float
    pause: float

    def __str__(self) -> str:
        when = f"after {self.seconds:.2f} s" if self.events is None else f"at event {self.events}"
        return f"{self.victim} {when}"


@dataclass(frozen=True)
class Round:
    """One run: which spec, with which services beside it, and the blows, each for one command of the run."""

    number: int
    service: Victim
    case: Case
    blows: tuple[Blow, ...]

    def __str__(self) -> str:
        return f"{self.case.name} beside {self.service}, to be killed: {', '.join(map(str, self.blows))}"


class Rounds:
    """An iterator over rounds; most of them hit the runner itself."""

    def __init__(self, seed: int, only: Sequence[Victim]) -> None:
        self._seed = seed
        self._only = tuple(only)
        self._next = 0

    def __iter__(self) -> Rounds:
        return self

    def __next__(self) -> Round:
        number, self._next = self._next, self._next + 1
        # Each round has a chance of its own: one can be had again without those before it.
        chance = random.Random(f"{self._seed}-{number}")
        weights = [4 if each == "runner" else 1 for each in self._only]
        service = chance.choices(self._only, weights)[0]
        case = _UNDER[service][number % len(_UNDER[service])]
        return Round(number, service, case, tuple(_blows(chance, service)))


def _blows(chance: random.Random, service: Victim) -> list[Blow]:
    count = chance.choice((1, 2, 2, 3) if service in ("runner", "gateway") else (1, 1, 2))
    return [_blow(chance, service) for _ in range(count)]


def _blow(chance: random.Random, service: Victim) -> Blow:
    # Beside a gateway the runner is mortal, too.
    victim: Victim = "runner" if service == "gateway" and chance.random() < 0.3 else service
    events = chance.randint(1, 16) if chance.random() < 0.5 else None
    return Blow(victim, events, chance.uniform(0.1, _SPAN), chance.choice((0.0, 0.0, 0.1, 0.5)))
