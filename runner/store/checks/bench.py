"""What the checks of a state store are made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from runner.compiler.canonical import Json
from runner.errors import StoreConflict
from runner.run.event import EventDraft, verify
from runner.run.ports import StateStore

TS = "2026-01-31T12:00:00.000000Z"


@dataclass(frozen=True, slots=True)
class Bench:
    """What a check works on: an opened, empty store; `reopen` closes it and gives the same contents, opened again."""

    store: StateStore
    reopen: Callable[[], Awaitable[StateStore]]


_Run = Callable[[Bench], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Check:
    """One property: its name, what went wrong somewhere without it, and the check itself."""

    name: str
    wound: str
    run: _Run


def collector(checks: list[Check]) -> Callable[[str], Callable[[_Run], _Run]]:
    """A decorator that takes the wound and puts the function into `checks` under its own name."""

    def check(wound: str) -> Callable[[_Run], _Run]:
        def register(function: _Run) -> _Run:
            checks.append(Check(function.__name__, wound, function))
            return function

        return register

    return check


def fact(type_: str = "step.ready", step: str | None = "a", **data: Json) -> EventDraft:
    """Some event."""
    return EventDraft(type_, TS, step, 1 if step else None, data)


async def lost(commit: Awaitable[object]) -> StoreConflict:
    """Assert that a commit loses; its error."""
    try:
        await commit
    except StoreConflict as error:
        return error
    raise AssertionError("a commit with a wrong revision was accepted")


async def journal(store: StateStore, run: str) -> int:
    """Verify a run's journal against its head; the number of its events."""
    return verify(await store.events(run), run, await store.head(run))
