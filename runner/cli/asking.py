"""What the commands that ask something of a run share: its open questions, and how a request gets to it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path

import typer

from runner.cli.printed import command
from runner.cli.state import find_run, reading
from runner.cli.takeable import CUT_OFF, leases
from runner.compiler.canonical import Json
from runner.errors import UsageError
from runner.records import dataclass
from runner.run import questions
from runner.run.lease import is_going_on
from runner.run.ports import Record, StateStore
from runner.run.requests import Action, Inbox, Request, new_id, user
from runner.run.state import FINAL
from runner.run.stored import Lease

#: Seconds for which a command waits until the run has taken its request, and between two looks.
PATIENCE = 15.0
_LOOK = 0.1
_PAST = {"cancelled": "was cancelled"}


@dataclass(frozen=True, slots=True)
class Asked:
    """An open question: of which run, of which leg of it, and how that leg is called from the run that people started:
    `step`, or `step/step` in a run below.
    """

    run: str
    name: str
    leg: Mapping[str, Json]

    @property
    def key(self) -> str:
        """The leg's key in its run."""
        return str(self.leg["leg"])


@dataclass(frozen=True, slots=True)
class Subject:
    """The run that something is asked of, and the lease that a process has or had on it, where the store knows any."""

    record: Record
    lease: Lease | None

    @property
    def is_run(self) -> bool:
        """Whether a process may be running the run now, on this machine or another, as `runner resume` sees it."""
        return self.record.data["state"] in CUT_OFF and is_going_on(self.record.data, self.lease)


async def open_questions(store: StateStore, run: str, above: str = "") -> list[Asked]:
    """What a run and the runs below it wait for."""
    found = []
    for record in await store.all(run, "step"):
        leg = record.data
        if questions.is_open(leg):
            found.append(Asked(run, f"{above}{record.key}", leg))
        elif leg.get("child") and leg.get("state") not in FINAL:
            found += await open_questions(store, str(leg["child"]), f"{above}{record.key}/")
    return found


async def going_on(store: StateStore | None, state: Path, name: str) -> Subject:
    """The run called `name`, which people started and which has not ended. Raises UsageError."""
    record = await find_run(store, state, name)
    parent = record.data.get("parent")
    if isinstance(parent, dict):
        above = parent["run"]
        raise UsageError(f"run {record.key} belongs to a step of run {above}", f"Ask that one: {above}.")
    if record.data["state"] in FINAL:
        ended = str(record.data["state"])
        raise UsageError(
            f"run {record.key} has ended: it {_PAST.get(ended, ended)}", command(state, "status", record.key)
        )
    return Subject(record, (await leases(store)).get(record.key))


def request(action: Action, comment: str, asked: Asked | None = None, values: dict[str, Json] | None = None) -> Request:
    """A new request of this user, now."""
    step, question = (asked.key, str(questions.asked(asked.leg)["question"])) if asked else ("", "")
    return Request(new_id(), action, user(), time.time(), step, question, comment, values or {})


async def send(state: Path, run: str, subject: Subject, wish: Request) -> bool:
    """Leave a request for a run, which is that of `subject` or one below it; whether the run has taken it. It is kept
    for `runner resume` otherwise. Raises UsageError where the run refuses it, or ends before.
    """
    inbox, record = Inbox(state, run), subject.record
    inbox.write(wish)
    if not subject.is_run:
        return False
    await asyncio.to_thread(_wait_for, inbox, wish)
    async with reading(state) as store:
        if store is None:
            return False
        if not inbox.has(wish):
            await _refused(store, state, run, wish)
            return True
        now = await store.get(record.key, "run", record.key)
        if now is not None and now.data["state"] in FINAL:
            inbox.remove(wish)
            raise UsageError(f"run {record.key} ended before it could take this", command(state, "status", record.key))
    return False


def _wait_for(inbox: Inbox, wish: Request) -> None:
    """Return when the run has taken the request, or does not seem to."""
    end = time.monotonic() + PATIENCE
    while inbox.has(wish) and time.monotonic() < end:
        time.sleep(_LOOK)


async def _refused(store: StateStore, state: Path, run: str, wish: Request) -> None:
    for event in await store.events(run):
        if event.type == "request.refused" and event.data["request"] == wish.id:
            raise UsageError(f"run {run} refused this: {event.data['reason']}", command(state, "status", run))


def tell(told: dict[str, Json], words: str, *, as_json: bool) -> None:
    """Say what became of a request."""
    typer.echo(json.dumps(told, ensure_ascii=False) if as_json else words)


def kept_words(state: Path, subject: Subject) -> str:
    """That a request waits, and for what."""
    if subject.is_run:
        return "kept: the process that runs it has not taken it yet, and will"
    again = command(state, "resume", subject.record.key)
    return f"kept: no process runs it now; it counts as soon as one does: {again}"
