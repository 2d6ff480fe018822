"""`runner resume`: go on with a run whose process died, or that is paused."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import typer

from runner.cli.options import ENGINE, EVENTS, NO_WAIT, QUIET, EngineChoice
from runner.cli.run import PARALLEL, Options, Session
from runner.cli.state import ALL, STATE, find_run, reading
from runner.cli.takeable import CUT_OFF, alone, is_cut_off, leases, refuse
from runner.compiler.plan.model import Plan
from runner.errors import RunnerError, UsageError
from runner.records import dataclass
from runner.run import remembered
from runner.run.kept import Kept, load, load_plan
from runner.run.ports import Record, StateStore
from runner.run.snapshots import Snapshots


@dataclass(frozen=True, slots=True)
class _Left:
    """A run that can be gone on with, its plan, and how many of its steps were to run at once."""

    run: str
    plan: Plan
    most: int


def resume(  # noqa: PLR0913 - one parameter per option
    run: str | None = typer.Argument(
        None, metavar="[RUN]", help="A run's id, the beginning of it, or `last`; --all for every run that was cut off."
    ),
    every: bool = typer.Option(False, "--all", help="Every run whose process died; paused ones are left alone."),
    take_over: bool = typer.Option(
        False, "--take-over", help="The run's process is on another machine, and is known to be dead."
    ),
    engine: EngineChoice = ENGINE,
    state: Path = STATE,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document per run at the end instead of text."),
    events: bool = EVENTS,
    max_parallel: int | None = typer.Option(
        None, "--max-parallel", min=1, help="How many steps may run at the same time; without it, as the run began."
    ),
    quiet: bool = QUIET,
    snapshots: bool = typer.Option(False, "--snapshots", help="Keep the files of each step's box from now on."),
    no_wait: bool = NO_WAIT,
) -> None:
    """Go on with a run that was cut off, or that is paused.

    Steps that have ended are not repeated; an attempt that was interrupted is made again. Exit code as of `runner run`.
    """
    if events and not as_json:
        raise UsageError("--events needs --json", "For people: `runner logs RUN` and `runner status RUN`.")
    if every == (run is not None):
        raise UsageError("`runner resume` needs one run, or --all", "List the runs with `runner status`.")
    runs = asyncio.run(_cut_off(state, take_over=take_over)) if run is None else [run]
    options = Options(
        engine, state, as_json, events=events, max_parallel=PARALLEL, quiet=quiet, preview=None,
        snapshots=snapshots, from_snapshot=(), wait=not no_wait, take_over=take_over,
    )  # fmt: skip
    kept = Snapshots(snapshots)

    def gone_on(name: str) -> int:
        left = asyncio.run(_found(state, name, take_over=take_over))
        asked = replace(options, max_parallel=max_parallel or left.most)
        with alone(state, left.run, take_over=take_over):
            return asyncio.run(Session(left.plan, asked, os.environ, kept, left.run).run())

    codes = [gone_on(each) if not every else _code(gone_on, each) for each in runs]
    if not runs and not as_json:
        typer.echo(f"no run in {state} was cut off")
    raise typer.Exit(_worst(codes))


def _code(gone_on: Callable[[str], int], run: str) -> int:
    """The exit code of one of several runs: what keeps it from going on is no reason for the others."""
    try:
        return gone_on(run)
    except RunnerError as error:
        typer.echo(f"runner: {error.message}", err=True)
        return error.exit_code


def _worst(codes: Iterable[int]) -> int:
    """The exit code for several runs: an interruption first, then whatever is largest."""
    return max(codes, default=0)


async def _cut_off(state: Path, *, take_over: bool) -> list[str]:
    """The runs that were cut off, the oldest first."""
    async with reading(state) as store:
        held, records = await leases(store), await store.runs(limit=ALL, states=CUT_OFF) if store else []
    return [each.key for each in reversed(records) if is_cut_off(each, held.get(each.key), take_over=take_over)]


async def _found(state: Path, name: str, *, take_over: bool) -> _Left:
    async with reading(state) as store:
        record = await find_run(store, state, name)
        assert store is not None  # noqa: S101 - find_run raised already
        refuse(state, record, (await leases(store)).get(record.key), take_over=take_over)
        return await _left(store, state, record)


async def _left(store: StateStore, state: Path, record: Record) -> _Left:
    kept: Kept = await load(store, record.key)
    plan = await asyncio.to_thread(load_plan, state, kept)
    path = str(record.data.get("spec_path") or plan.source.get("path", ""))
    # The folder in which the run is gone on with may be another one: the spec's own files are found all the same.
    most = remembered.max_parallel(record.data, PARALLEL)
    return _Left(record.key, replace(plan, source={**plan.source, "path": path}), most)
