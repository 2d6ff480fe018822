"""A check-in as plain data; times are as documents write them, dates `YYYY-MM-DD` in UTC."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal, cast

from runner.compiler.canonical import Json
from runner.records import dataclass

Mark = Literal["☐", "◐", "☑"]
OPEN_MARK: Mark = "☐"
BEGUN_MARK: Mark = "◐"
DONE_MARK: Mark = "☑"


@dataclass(frozen=True, slots=True)
class RunLine:
    """The run that is told of. `is_current` says whether the spec says the same since it began."""

    id: str
    state: str
    began: str
    message: str = ""
    is_current: bool = True


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step: ☐ not begun, ◐ begun, ☑ succeeded. `legs` is `done/all` where it has several; `ended` is when it was
    done, "" before; `message` says why it failed.
    """

    id: str
    ref: str
    title: str
    phase: str
    owner: str
    mark: Mark
    state: str
    legs: str = ""
    ended: str = ""
    message: str = ""

    @property
    def shown(self) -> str:
        """Its number and its name for people."""
        return f"{self.ref} {self.title or self.id}".strip()


@dataclass(frozen=True, slots=True)
class MilestoneLine:
    """A milestone: `state` is `reached`, `missed`, `late` or `open`; `waits_for` are the owners of its steps that are
    not done; `unheld` are checks that did not hold.
    """

    id: str
    title: str
    when: str
    mark: Mark
    state: str
    done: int
    steps: int
    checks: int
    waits_for: tuple[str, ...] = ()
    unheld: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """How many steps were to be left at a moment, and how many were; `left` is None for what is still to come."""

    when: str
    planned: int
    left: int | None


@dataclass(frozen=True, slots=True)
class Risk:
    """What may go wrong, as the spec says; the gravest come first."""

    title: str
    likelihood: str
    impact: str
    owner: str
    mitigation: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What somebody should look at, and who; `owner` is "" for nobody in particular."""

    text: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class CheckIn:
    """The whole report about one workflow. `phases` are the phases' titles by id, in order; `since` is the moment from
    which `moved` tells what was done, "" where nobody asked.
    """

    workflow: str
    title: str
    phases: dict[str, str]
    run: RunLine | None
    steps: tuple[StepLine, ...]
    milestones: tuple[MilestoneLine, ...]
    burn_down: tuple[Point, ...]
    risks: tuple[Risk, ...]
    notices: tuple[Notice, ...]
    since: str = ""
    moved: tuple[StepLine, ...] = ()

    @property
    def done(self) -> int:
        """How many steps are done."""
        return sum(step.mark == DONE_MARK for step in self.steps)

    @property
    def reached(self) -> int:
        """How many milestones are reached."""
        return sum(milestone.state == "reached" for milestone in self.milestones)

    def to_json(self) -> dict[str, Json]:
        """All of it as plain JSON."""
        return cast("dict[str, Json]", asdict(self))
