"""`runner resume`: go on with a run whose process died, or that is paused."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import typer

from runner.cli.run import EngineChoice, Options, Session
from runner.cli.state import ALL, STATE, find_run, reading
from runner.compiler.plan.model import Plan
from runner.errors import UsageError
from runner.records import dataclass
from runner.run.kept import Kept, load, load_plan
from runner.run.owner import is_alive
from runner.run.ports import Record, StateStore
from runner.run.snapshots import Snapshots
from runner.run.state import FINAL


@dataclass(frozen=True, slots=True)
class _Left:
    """A run that can be gone on with, and its plan."""

    run: str
    plan: Plan


def resume(  # noqa: PLR0913 - one parameter per option
    run: str | None = typer.Argument(
        None, metavar="[RUN]", help="A run's id, the beginning of it, or `last`; --all for every run that was cut off."
    ),
    every: bool = typer.Option(False, "--all", help="Every run whose process died; paused ones are left alone."),
    take_over: bool = typer.Option(
        False, "--take-over", help="The run's process is on another machine, and is known to be dead."
    ),
    engine: EngineChoice = typer.Option(
        EngineChoice.AUTO, "--engine", help="What carries the run; auto is prefect when an API answers, else local."
    ),
    state: Path = STATE,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document per run at the end instead of text."),
    max_parallel: int = typer.Option(8, "--max-parallel", min=1, help="How many steps may run at the same time."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Show only how the run ended."),
    snapshots: bool = typer.Option(False, "--snapshots", help="Keep the files of each step's box from now on."),
    no_wait: bool = typer.Option(
        False, "--no-wait", help="When only people's decisions are left to wait for, let the run end as paused."
    ),
) -> None:
    """Go on with a run that was cut off, or that is paused.

    Steps that have ended are not repeated; an attempt that was interrupted is made again. Exit code as of `runner run`.
    """
    if every == (run is not None):
        raise UsageError("`runner resume` needs one run, or --all", "List the runs with `runner status`.")
    found = asyncio.run(_found(state, run, take_over=take_over))
    options = Options(
        engine, state, as_json, events=False, max_parallel=max_parallel, quiet=quiet, preview=None,
        snapshots=snapshots, from_snapshot=(), wait=not no_wait,
    )  # fmt: skip
    kept = Snapshots(snapshots)
    codes = [asyncio.run(Session(left.plan, options, os.environ, kept, left.run).run()) for left in found]
    if every and not found and not as_json:
        typer.echo(f"no run in {state} was cut off")
    raise typer.Exit(_worst(codes))


def _worst(codes: Iterable[int]) -> int:
    """The exit code for several runs: an interruption first, then whatever is largest."""
    return max(codes, default=0)


async def _found(state: Path, name: str | None, *, take_over: bool) -> list[_Left]:
    async with reading(state) as store:
        if name is None:
            records = await store.runs(limit=ALL) if store else []
            return [await _left(store, state, each) for each in records if store and _cut_off(each, take_over)][::-1]
        record = await find_run(store, state, name)
        if store is None:  # find_run raised already
            return []
        _refuse(record, take_over)
        return [await _left(store, state, record)]


def _cut_off(record: Record, take_over: bool) -> bool:
    """Whether the run's process died before its end. Runs below others go on with these."""
    if isinstance(record.data.get("parent"), dict) or record.data["state"] not in ("pending", "running"):
        return False
    return take_over or not _alive(record)


def _alive(record: Record) -> bool:
    owner = record.data.get("owner")
    return isinstance(owner, dict) and is_alive(owner)


def _refuse(record: Record, take_over: bool) -> None:
    """Raise UsageError for a run that nobody can go on with."""
    run, state, parent = record.key, str(record.data["state"]), record.data.get("parent")
    if isinstance(parent, dict):
        above = parent["run"]
        raise UsageError(f"run {run} belongs to a step of run {above}", f"Go on with that one: runner resume {above}")
    if state in FINAL:
        raise UsageError(
            f"run {run} has ended: it {_PAST.get(state, state)}", "Begin a new one with `runner run SPEC`."
        )
    if state != "paused" and _alive(record) and not take_over:
        owner = record.data.get("owner")
        about = f"process {owner.get('pid')} on {owner.get('host')}" if isinstance(owner, dict) else "a process"
        raise UsageError(
            f"run {run} is going on in {about}",
            "Watch it with `runner status`. If that machine is gone for good: --take-over.",
        )


_PAST = {"cancelled": "was cancelled"}


async def _left(store: StateStore, state: Path, record: Record) -> _Left:
    kept: Kept = await load(store, record.key)
    plan = await asyncio.to_thread(load_plan, state, kept)
    path = str(record.data.get("spec_path") or plan.source.get("path", ""))
    # The folder in which the run is gone on with may be another one: the spec's own files are found all the same.
    return _Left(record.key, replace(plan, source={**plan.source, "path": path}))
