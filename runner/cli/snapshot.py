"""`runner snapshot`: the files of a step's box, out of a run and into one."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import cast

import typer

from runner.cli.state import JSON, STATE, find_run, reading, suggestion
from runner.cli.table import one_line, render
from runner.compiler.canonical import Json
from runner.errors import RequestRefused, UsageError
from runner.run import artifacts, snapshots
from runner.run.clock import SystemClock, iso
from runner.run.event import EventDraft
from runner.run.ports import Change, Record, StateStore
from runner.wiring import open_store

app = typer.Typer(
    help="Take the files of a step's box out, or give it others.", no_args_is_help=True, rich_markup_mode=None
)
_RUN = typer.Argument(..., metavar="RUN", help="A run's id, the beginning of it, or `last`.")
_STEP = typer.Argument(..., metavar="STEP", help="A step; a leg of it as `runner status` names it.")
_KEEP = "Run it again with `runner run SPEC --snapshots`."
Document = dict[str, Json]


@app.callback()
def _root() -> None:
    """Take the files of a step's box out, or give it others."""


@app.command("list")
def list_(run: str = _RUN, state: Path = STATE, as_json: bool = JSON) -> None:
    """List the snapshots of a run: which steps' files were kept."""
    rows = asyncio.run(_list(state, run))
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
    elif not rows:
        typer.echo(f"no step of this run has a snapshot. {_KEEP}")
    else:
        heads = ("STEP", "SANDBOX", "FILES", "BYTES", "DIGEST")
        shown = [[one_line(row[name]) for name in ("step", "sandbox", "files", "bytes", "digest")] for row in rows]
        typer.echo(render(heads, shown))


@app.command()
def export(
    run: str = _RUN,
    step: str = _STEP,
    file: Path = typer.Argument(..., metavar="FILE", help="The tar to write; - is standard output."),
    state: Path = STATE,
    as_json: bool = JSON,
) -> None:
    """Write the files that a step left in its box as a tar.

    The same files give the same bytes. Exit code 2 when the step has no snapshot.
    """
    if file.exists() and not file.is_file():
        raise UsageError(
            f"{file} is a folder or a device, not a file", "Name the tar to write, or - for standard output."
        )
    found = asyncio.run(snapshot_of(state, run, step))
    tar = artifacts.load(state / "artifacts", str(found["digest"]))
    if str(file) == "-":
        sys.stdout.buffer.write(tar)
        return
    artifacts.write_durably(file, tar)
    count = f"{found['files']} files, " if found["files"] is not None else ""
    _say({**found, "file": str(file)}, as_json, f"{file}: {count}{found['bytes']} bytes")


@app.command("import")
def import_(
    run: str = _RUN,
    step: str = _STEP,
    file: Path = typer.Argument(..., metavar="FILE", help="The tar to read; - is standard input."),
    state: Path = STATE,
    as_json: bool = JSON,
) -> None:
    """Make a tar the snapshot of a step.

    A run that begins with it (`runner run SPEC --from-snapshot RUN:STEP`) gets these files. Only files, folders and
    links may be in it, none outside its folder.
    """
    found = asyncio.run(_import(state, run, step, read_tar(file), str(file)))
    words = f"{found['step']} of run {found['run']} has now {found['files']} files, {found['bytes']} bytes"
    _say(found, as_json, f"{words}; begin with them: runner run SPEC --from-snapshot {found['run']}:{found['step']}")


def read_tar(file: Path) -> bytes:
    """A tar of somebody's in the normal form. Raises UsageError for what is no tar, or none that may be unpacked."""
    from runner.sandbox import snapshot

    if str(file) != "-" and not file.is_file():
        raise UsageError(f"{file}: there is no such file")
    try:
        tar = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        snapshot.check(tar)
        return snapshot.normalise(tar)
    except RequestRefused as error:
        raise UsageError(f"{file}: {error.message}", error.hint) from error


async def snapshot_of(state: Path, run: str, step: str) -> Document:
    """The snapshot of a step: run, step, sandbox, digest, bytes, files. Raises UsageError where there is none."""
    async with reading(state) as store:
        record = await find_run(store, state, run)
        if store is None:  # find_run raised already
            raise UsageError(f"no runs in {state}")
        leg = await find_leg(store, record.key, step)
        found = _snapshot(leg) or await _of_box(store, record.key, leg)
    if found is None:
        raise UsageError(f"{leg.key} of run {record.key} has no snapshot: {_why(leg.data)}", _KEEP)
    return {"run": record.key, "step": leg.key, **found}


def _why(leg: Document) -> str:
    if leg.get("child"):
        return f"it is the run {leg['child']}, whose steps have theirs"
    if leg.get("state") != "succeeded":
        return f"it is {leg.get('state')}"
    return "the files of its box were not kept"


def _snapshot(leg: Record) -> Document | None:
    found = leg.data.get("snapshot")
    return {name: value for name, value in found.items() if name != "path"} if isinstance(found, dict) else None


async def _of_box(store: StateStore, run: str, leg: Record) -> Document | None:
    """What a paused run kept of the box that the leg was the last to succeed in."""
    box = str(leg.data.get("box"))
    record = await store.get(run, "box", box)
    kept = record.data.get("copy") if record is not None else None
    if not isinstance(kept, dict) or leg.key != str(cast("list[str]", kept["succeeded"])[-1]):
        return None
    sandbox = record.data.get("sandbox") if record is not None else None
    return {"digest": kept["digest"], "bytes": kept["bytes"], "files": None, "sandbox": sandbox}


async def find_leg(store: StateStore, run: str, step: str) -> Record:
    """The leg called `step`, or the only one of the step called so. Raises UsageError."""
    found = await store.get(run, "step", step)
    if found is not None:
        return found
    legs = [each.key for each in await store.all(run, "step")]
    mine = [key for key in legs if key.partition("[")[0] == step]
    if len(mine) == 1:
        return next(each for each in await store.all(run, "step") if each.key == mine[0])
    if mine:
        raise UsageError(f"{step} has {len(mine)} legs: {', '.join(mine[:5])}", "Name one of them, in quotes.")
    raise UsageError(f"run {run} has no step {step!r}", suggestion(step, legs, f"Steps: {', '.join(legs[:10])}."))


async def _list(state: Path, run: str) -> list[Document]:
    async with reading(state) as store:
        record = await find_run(store, state, run)
        legs = await store.all(record.key, "step") if store is not None else []
    return [{"step": leg.key, **found} for leg in legs if (found := _snapshot(leg)) is not None]


async def _import(state: Path, run: str, step: str, tar: bytes, source: str) -> Document:
    async with reading(state) as known:
        key = (await find_run(known, state, run)).key
    store = open_store(state)
    await store.open()
    try:
        leg = await find_leg(store, key, step)
        kept = await asyncio.to_thread(snapshots.stored, state / "artifacts", tar)
        before = _snapshot(leg)
        about: Document = {"digest": kept.digest, "bytes": kept.bytes, "files": kept.files}
        about["sandbox"] = before.get("sandbox") if before else await _sandbox(store, key, leg)
        told: Document = {name: about[name] for name in ("digest", "bytes", "files")}
        told |= {"source": Path(source).name, "before": before["digest"] if before else None}
        data: Document = {**leg.data, "snapshot": {**about, "path": str(kept.path)}}
        fact = EventDraft("snapshot.imported", iso(SystemClock().now()), leg.key, None, told)
        await store.commit(key, [Change("step", leg.key, leg.rev, data)], [fact])
    finally:
        await store.close()
    return {"run": key, "step": leg.key, **about}


async def _sandbox(store: StateStore, run: str, leg: Record) -> Json:
    """The sandbox of the box that a leg ran in; None where it ran in none."""
    box = await store.get(run, "box", str(leg.data.get("box")))
    return box.data.get("sandbox") if box is not None else None


def _say(found: Document, as_json: bool, sentence: str) -> None:
    typer.echo(json.dumps(found, ensure_ascii=False) if as_json else sentence)
