"""What the commands that look at runs share: where the state is, how a run is named, how times are shown."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import typer

from runner.errors import UsageError
from runner.run.audit_port import AuditLog
from runner.run.ports import Record, StateStore
from runner.wiring import has_store, open_audit, open_store

STATE = typer.Option(
    Path(".runner"), "--state", envvar="RUNNER_STATE", metavar="DIR", help="The folder that holds runner's state."
)
JSON = typer.Option(False, "--json", help="Print JSON instead of text.")
#: More runs than a state folder ever holds.
ALL = 1_000_000
_SHOWN = 5


@asynccontextmanager
async def reading(state: Path) -> AsyncIterator[StateStore | None]:
    """The store in the folder `state`, for reading while others may write; None when nothing was stored there yet."""
    if not has_store(state):
        yield None
        return
    store = open_store(state, read_only=True)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def audit_log(environ: Mapping[str, str]) -> AsyncIterator[AuditLog | None]:
    """The audit log that the environment names, for as long as the block lasts; None where it names none."""
    log = open_audit(environ)
    try:
        yield log
    finally:
        if log is not None:
            await log.close()


async def find_run(store: StateStore | None, state: Path, name: str) -> Record:
    """The run called `name`: its id, the beginning of exactly one id, or `last`. Raises UsageError."""
    if store is None:
        raise UsageError(
            f"no runs in {state}", "Start one with `runner run SPEC`, or name the folder with --state DIR."
        )
    if name == "last":
        newest = await store.runs(limit=1)
        if not newest:
            raise UsageError(f"no runs in {state}", "Start one with `runner run SPEC`.")
        return await _top(store, newest[0])
    exact = await store.get(name, "run", name)
    if exact is not None:
        return exact
    runs = {record.key: record for record in await store.runs(limit=ALL)}
    found = [key for key in runs if name and key.startswith(name)]
    if len(found) == 1:
        return runs[found[0]]
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise UsageError(f"{name!r} begins {len(found)} runs: {', '.join(found[:_SHOWN])}{more}", "Write more of it.")
    raise UsageError(f"no run {name!r} in {state}", suggestion(name, list(runs), "List the runs with `runner status`."))


async def _top(store: StateStore, record: Record) -> Record:
    """The run that people started: a run below others stands for it."""
    while isinstance(above := record.data.get("parent"), dict):
        found = await store.get(str(above["run"]), "run", str(above["run"]))
        if found is None:
            break
        record = found
    return record


def suggestion(name: str, known: Sequence[str], otherwise: str) -> str:
    """A hint: the known name nearest to `name`, else `otherwise`."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]}? {otherwise}" if near else otherwise


def moment(value: object) -> datetime | None:
    """A time as documents hold it; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def seconds_between(start: object, end: object) -> float | None:
    """Seconds from one stored time to another; without an end, until now. None without a start."""
    begin = moment(start)
    if begin is None:
        return None
    return max(((moment(end) or datetime.now(UTC)) - begin).total_seconds(), 0.0)


def span(seconds: float | None) -> str:
    """Seconds for people: `0.4 s`, `12 s`, `3 m 05 s`, `2 h 07 m`."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"


def local(value: object) -> str:
    """A stored time on the clock of the reader, `–` for none."""
    found = moment(value)
    return found.astimezone().strftime("%Y-%m-%d %H:%M:%S") if found else "–"
