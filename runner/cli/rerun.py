"""`runner rerun`: make a run that has ended, or a part of it, again as a new run."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import typer

from runner.cli.options import AT_THE_END, ENGINE, EVENTS, NO_WAIT, QUIET, EngineChoice
from runner.cli.printed import command
from runner.cli.run import PARALLEL, Options, Session
from runner.cli.state import STATE, find_run, reading
from runner.compiler.plan.model import Plan
from runner.errors import UsageError
from runner.records import dataclass
from runner.run import remembered
from runner.run.kept import Kept, load, load_plan
from runner.run.prior import Prior
from runner.run.rerun import Choice, Rerun
from runner.run.snapshots import Snapshots
from runner.run.state import FINAL


@dataclass(frozen=True, slots=True)
class _Before:
    """A run that has ended, with its plan."""

    kept: Kept
    plan: Plan


def rerun(  # noqa: PLR0913 - one parameter per option
    run: str = typer.Argument(..., metavar="RUN", help="A run's id, the beginning of it, or `last`."),
    from_: list[str] = typer.Option(
        [], "--from", metavar="STEP", help="Make this step again, and all that depends on it; may be given often."
    ),
    only: list[str] = typer.Option(
        [], "--only", metavar="STEP", help="Make this step again, and nothing after it; may be given often."
    ),
    failed: bool = typer.Option(
        False, "--failed", help="Make again what failed or was cancelled, and all that depends on it."
    ),
    engine: EngineChoice = ENGINE,
    state: Path = STATE,
    as_json: bool = AT_THE_END,
    events: bool = EVENTS,
    max_parallel: int | None = typer.Option(
        None, "--max-parallel", min=1, help="How many steps may run at the same time; without it, as in RUN."
    ),
    quiet: bool = QUIET,
    snapshots: bool = typer.Option(False, "--snapshots", help="Keep the files of each step's box after it succeeded."),
    no_wait: bool = NO_WAIT,
) -> None:
    """Make a run that has ended again, or a part of it.

    A new run, of the same plan with the same inputs. What is not made again is taken over with its outputs and
    artifacts. Exit code as of `runner run`.
    """
    if events and not as_json:
        raise UsageError("--events needs --json", "For people: `runner logs RUN` and `runner status RUN`.")
    choice = _choice(from_, only, failed=failed)
    before = asyncio.run(_found(state, run))
    prior, begins = Rerun(before.plan, before.kept, state, partial(command, state)).prepare(choice)
    if not as_json:
        for line in _told(before, prior, state):
            typer.echo(line)
    most = max_parallel or remembered.max_parallel(before.kept.document, PARALLEL)
    options = Options(
        engine, state, as_json, events, most, quiet, preview=None, snapshots=snapshots, from_snapshot=(),
        wait=not no_wait,
    )  # fmt: skip
    session = Session(before.plan, options, os.environ, Snapshots(snapshots, begins), prior=prior)
    raise typer.Exit(asyncio.run(session.run()))


def _choice(from_: list[str], only: list[str], *, failed: bool) -> Choice:
    if bool(from_) + bool(only) + failed > 1:
        raise UsageError(
            "--from, --only and --failed say different things", "Give one of them; --from and --only may be repeated."
        )
    if failed:
        return Choice("failed")
    if only:
        return Choice("only", tuple(dict.fromkeys(only)))
    return Choice("from", tuple(dict.fromkeys(from_))) if from_ else Choice()


async def _found(state: Path, name: str) -> _Before:
    async with reading(state) as store:
        record = await find_run(store, state, name)
        if store is None:  # find_run raised already
            raise UsageError(f"no runs in {state}")
        run, parent, found = record.key, record.data.get("parent"), str(record.data["state"])
        if isinstance(parent, dict):
            raise UsageError(
                f"run {run} belongs to step {parent['step']} of run {parent['run']}",
                f"Make that step again: {command(state, 'rerun', str(parent['run']), '--from', str(parent['step']))}",
            )
        if found not in FINAL:
            raise UsageError(
                f"run {run} has not ended: it is {found}", f"Go on with it: {command(state, 'resume', run)}"
            )
        kept = await load(store, run)
    plan = await asyncio.to_thread(load_plan, state, kept)
    path = Path(str(record.data.get("spec_path") or plan.source.get("path", "")))
    # The folder in which it is made again may be another one: the spec's own files are found all the same.
    near = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return _Before(kept, replace(plan, source={**plan.source, "path": str(near)}))


def _told(before: _Before, prior: Prior, state: Path) -> list[str]:
    """What is made again and what is taken over; and whether the spec is another one by now."""
    run, words = before.kept.run, "all of it"
    if prior.mode == "failed":
        words = "what did not succeed"
    elif prior.steps:
        words = f"{prior.mode} {', '.join(prior.steps)}"
    lines = [f"again: run {run}, {words}; taken over: {', '.join(prior.legs) or 'nothing'}"]
    path = before.plan.source["path"]
    if _changed(Path(path), before.plan.source.get("sha256", "")):
        anew = command(state, "run", path)
        lines.append(f"{path} is another one by now: what is made again is the plan of then (anew: {anew})")
    return lines


def _changed(spec: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(spec.read_bytes()).hexdigest() != sha256
    except OSError:
        return False
