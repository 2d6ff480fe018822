"""Round after round, until so many kills have hit, and the figures of it."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.drive import as_lines, drive, last_words
from tests.chaos.judge import Fault, Sight, judged, left_over
from tests.chaos.place import Place
from tests.chaos.processes import descendants
from tests.chaos.schedule import Round, Rounds, Victim
from tests.chaos.services import beside


@dataclass
class Figures:
    """What a campaign came to."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    journals: int = 0
    events: int = 0
    acknowledged: int = 0
    seconds: float = 0.0
    faults: list[tuple[Round, Fault]] = field(default_factory=list)

    def __str__(self) -> str:
        kinds = Counter(fault.kind for _, fault in self.faults)
        each = ", ".join(f"{count} of {victim}" for victim, count in sorted(self.kills.items()))
        lines = (
            f"kills         {sum(self.kills.values())} ({each})",
            f"runs          {self.rounds}, {kinds['stuck']} without an end, {kinds['other end']} with another end",
            f"acknowledged  {self.acknowledged} events",
            f"lost          {kinds['lost']}",
            f"repeated      {kinds['repeated']}",
            f"orphans       {kinds['orphan']}",
            f"chains        {self.journals} verified with {self.events} events, {kinds['broken']} faults",
            f"duration      {self.seconds:.0f} s, seed {self.seed}",
        )
        return "\n".join(lines)


@dataclass(frozen=True)
class Limits:
    """When a campaign ends: after so many kills, or so many seconds."""

    kills: int
    seconds: float


class Campaign:
    """Rounds in folders of their own below `folder`; those without a fault are removed."""

    def __init__(self, folder: Path, seed: int, only: tuple[Victim, ...], tell: Callable[[str], None]) -> None:
        self._folder = folder
        self._rounds = Rounds(seed, only)
        self._tell = tell
        self._undisturbed: dict[tuple[str, Victim], Sight] = {}
        self.figures = Figures(seed)

    def run(self, limits: Limits) -> Figures:
        """Go on until the limits are reached."""
        begun = time.monotonic()
        for round_ in self._rounds:
            spent = time.monotonic() - begun
            if sum(self.figures.kills.values()) >= limits.kills or spent > limits.seconds:
                break
            self._one(round_)
        self.figures.seconds = time.monotonic() - begun
        return self.figures

    def only(self, number: int) -> Figures:
        """One round of the schedule alone, to look at it again."""
        begun = time.monotonic()
        self._one(next(each for each in self._rounds if each.number == number))
        self.figures.seconds = time.monotonic() - begun
        return self.figures

    def _one(self, round_: Round) -> None:
        usual = self._usual(round_)
        place = self._place(f"r{round_.number}")
        faults = self._disturbed(round_, place, usual)
        self.figures.rounds += 1
        self.figures.faults += [(round_, fault) for fault in faults]
        for fault in faults:
            self._tell(f"  round {round_.number}, {round_}: {fault}")
        if faults:
            self._tell(f"  kept: {place.folder}\n{last_words(place)}")
        else:
            shutil.rmtree(place.folder)

    def _place(self, name: str) -> Place:
        folder = self._folder / name
        if folder.exists():  # of a campaign before
            shutil.rmtree(folder)
        return Place(folder)

    def _usual(self, round_: Round) -> Sight:
        """What the same spec comes to when nobody is killed."""
        about = (round_.case.name, round_.service)
        if about not in self._undisturbed:
            known = frozenset(descendants())
            place = self._place("usual")
            with beside(round_.service, place) as services:
                story = drive(place, round_.case, (), services)
                faults = services.settle()
            sight = asyncio.run(judged(place, story, services.told()))
            faults += [*sight.faults, *left_over(place, known)]
            if faults or sight.end is None or sight.end.state != round_.case.state:
                words = f"{[*map(str, faults)]}, {sight.end}\n{last_words(place)}"
                raise RuntimeError(f"{round_.case.name} goes wrong though nobody is killed: {words}")
            self._undisturbed[about] = sight
            shutil.rmtree(place.folder)
        return self._undisturbed[about]

    def _disturbed(self, round_: Round, place: Place, usual: Sight) -> list[Fault]:
        known = frozenset(descendants())
        with beside(round_.service, place) as services:
            story = drive(place, round_.case, round_.blows, services)
            faults = services.settle()
        self.figures.kills.update(blow.victim for blow in story.kills)
        self._tell(f"round {round_.number}: {round_.case.name}, killed: {', '.join(map(str, story.kills)) or 'nobody'}")
        (place.folder / "acknowledged").write_text(as_lines(story))
        sight = asyncio.run(judged(place, story, services.told()))
        self.figures.journals += sight.journals
        self.figures.events += sight.events
        self.figures.acknowledged += len(story.acknowledged)
        if sight.end != usual.end:
            faults.append(Fault("other end", f"it came to {sight.end}, undisturbed to {usual.end}"))
        return [*faults, *sight.faults, *left_over(place, known)]
