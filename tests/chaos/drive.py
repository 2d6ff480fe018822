"""One run from its beginning to its end, however often it is killed on the way, with a person who answers it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from runner import wiring
from runner.errors import StoreLocked
from runner.run.ports import StateStore
from tests.chaos.cases import Case
from tests.chaos.place import Place
from tests.chaos.processes import BEAT, Process
from tests.chaos.schedule import Blow

#: Seconds after which a command that goes on is stuck.
PATIENCE = 90.0
#: How often a command that found the state in use is given again.
_AGAIN = 5
#: How often a question is tried to be answered.
_TRIES = 40


class Service(Protocol):
    """A process beside the runs, which may be killed and comes back in the same place."""

    def kill(self) -> bool:
        """kill -9; False when there was nothing to kill."""
        ...

    def start(self) -> None: ...


@dataclass
class Story:
    """What happened in one round. `acknowledged` are the events that some command printed, by run and number; `run` is
    the id of the run, once one is known; `stuck` says which command did not end.
    """

    case: Case
    acknowledged: dict[tuple[str, int], str] = field(default_factory=dict)
    run: str | None = None
    kills: list[Blow] = field(default_factory=list)
    stuck: str = ""

    def hear(self, process: Process) -> None:
        """Take note of all that a command has told so far."""
        for event in process.events():
            self.acknowledged[str(event["run"]), int(event["seq"])] = str(event["hash"])


class Person:
    """Somebody at another terminal, who says yes to whatever a run asks."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._asked: dict[tuple[str, str, str], None] = {}
        self._done: set[tuple[str, str, str]] = set()
        self._process: Process | None = None
        self._about: tuple[str, str, str] = ("", "", "")
        self._tries = 0

    def hear(self, events: list[dict[str, Any]]) -> None:
        """Look for questions."""
        for event in events:
            if event["type"] == "approval.asked":
                self._asked[str(event["run"]), str(event["step"]), str(event["data"]["question"])] = None
            elif event["type"] == "approval.decided":
                self._done.add((str(event["run"]), str(event["step"]), str(event["data"]["question"])))

    def answer(self) -> None:
        """Begin or end an answer; never waits."""
        if self._process is not None:
            if self._process.code is None:
                return
            if self._process.wait(5) == 0:
                self._done.add(self._about)
            self._process = None
        waiting = [each for each in self._asked if each not in self._done]
        if waiting and self._tries < _TRIES:
            self._tries += 1
            self._about = waiting[0]
            run, step, _ = self._about
            self._process = self._place.runner("approve", run, step, "--json")

    def leave(self) -> None:
        """Nothing is asked any more."""
        if self._process is not None:
            self._process.kill()
            self._process = None


def drive(place: Place, case: Case, blows: tuple[Blow, ...], service: Service | None = None) -> Story:
    """Run a case to its end; each blow is for one command, the last command is left alone."""
    place.write(case)
    story, person = Story(case), Person(place)
    process = place.begin(case)
    try:
        for blow in blows:
            if not _comes(blow, process, person, story):
                break
            process = _struck(blow, process, place, service, story)
        _ends(process, person, story)
        for _ in range(_AGAIN):
            if process.code != StoreLocked.exit_code:
                break
            # A gateway that was being started again held the folder: whoever supervises runs tries once more.
            process = _next(process, place, story)
            _ends(process, person, story)
    finally:
        person.leave()
        process.kill()
    story.hear(process)
    story.run = story.run or _run_of(process)
    return story


def _struck(blow: Blow, process: Process, place: Place, service: Service | None, story: Story) -> Process:
    """The command that goes on after a blow: the same one where its service was hit, else the next."""
    if blow.victim != "runner":
        if service is not None and _reached(service, process):
            story.kills.append(blow)
            time.sleep(blow.pause)
            service.start()
        return process
    if not process.kill():
        return process
    story.kills.append(blow)
    time.sleep(blow.pause)
    return _next(process, place, story)


def _next(process: Process, place: Place, story: Story) -> Process:
    """The command that follows one which has ended before the run did."""
    story.hear(process)
    story.run = story.run or _run_of(process) or asyncio.run(_top(place))
    # A run that was killed before its first commit has never been.
    return place.begin(story.case) if story.run is None else place.go_on(story.run)


def _reached(service: Service, process: Process) -> bool:
    """Kill a service, which may serve only as soon as it is needed, as a browser does; False when it never did."""
    end = time.monotonic() + PATIENCE
    while process.code is None and time.monotonic() < end:
        if service.kill():
            return True
        time.sleep(BEAT)
    return False


def _watched(process: Process, person: Person, story: Story) -> Iterator[list[dict[str, Any]]]:
    """The events so far, again and again, while the command lives."""
    end = time.monotonic() + PATIENCE
    while process.code is None:
        events = process.events()
        person.hear(events)
        person.answer()
        yield events
        if time.monotonic() > end:
            story.stuck = f"a command did not end within {PATIENCE:g} s; its last event: {events[-1:]}"
            return
        time.sleep(BEAT)


def _comes(blow: Blow, process: Process, person: Person, story: Story) -> bool:
    """Wait for the moment of a blow; False when the command ended before it."""
    for events in _watched(process, person, story):
        due = len(events) >= blow.events if blow.events is not None else False
        late = time.monotonic() - process.begun >= blow.seconds
        if due or (blow.events is None and late):
            return True
    return False


def _ends(process: Process, person: Person, story: Story) -> None:
    for _ in _watched(process, person, story):
        if story.stuck:
            return
    if not story.stuck:
        process.wait(5)


def _run_of(process: Process) -> str | None:
    """The run that a command told of: that which has none above it."""
    made = [event for event in process.events() if event["type"] == "run.created" and not event["data"].get("parent")]
    return str(made[0]["run"]) if made else None


async def _top(place: Place) -> str | None:
    """The run that the store knows of, though nobody was told."""
    if not wiring.has_store(place.state):
        return None
    store: StateStore = wiring.open_store(place.state, read_only=True)
    await store.open()
    try:
        records = await store.runs()
        return next((each.key for each in records if not isinstance(each.data.get("parent"), dict)), None)
    finally:
        await store.close()


def last_words(place: Place) -> str:
    """The end of what the commands said on standard error."""
    path = place.folder / "errors"
    return path.read_text(errors="replace")[-1500:] if path.exists() else ""


def as_lines(story: Story) -> str:
    """What was acknowledged, for whoever looks at a folder that was kept."""
    return "".join(json.dumps([*key, hash_]) + "\n" for key, hash_ in sorted(story.acknowledged.items()))
