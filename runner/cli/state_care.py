"""`runner state`: back up, restore, compact, check and export what runs have left."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from pathlib import Path

import typer

from runner.cli.state import JSON, STATE, reading
from runner.errors import JournalBroken, UsageError
from runner.wiring import open_folder

app = typer.Typer(
    help="Back up, restore, compact, check and export the state.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
def backup(
    file: Path = typer.Argument(..., metavar="FILE", help="The new file, as in state.tar.gz."),
    state: Path = STATE,
    as_json: bool = JSON,
) -> None:
    """Write the state, logs and artifacts into one file, also while runs go on.

    The copy is of one moment, and every journal in it is verified before the file is there.
    """
    from runner.store import backup as backups

    _needs_a_folder("backup", "its own server's means, or `runner state export`")
    place = Path(tempfile.mkdtemp(prefix="runner-backup-"))
    try:
        copy = backups.copied(state, place)
        runs, events = _verified(copy)
        # Opening has cut off what was never acknowledged: what is packed is what was verified.
        size = backups.write(state, copy, file)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    _tell(
        {"file": str(file), "bytes": size, "runs": runs, "events": events}, as_json, f"{file}: {_count(runs, events)}"
    )


@app.command()
def restore(
    file: Path = typer.Argument(..., metavar="FILE", help="What `runner state backup` wrote."),
    state: Path = STATE,
    replace: bool = typer.Option(
        False, "--replace", help="Take the place of the state that is there, which is kept beside it."
    ),
    as_json: bool = JSON,
) -> None:
    """Put a backup into a state folder, all of it or nothing.

    Every journal in it is verified first. Logs and artifacts that are there already stay as they are.
    """
    from runner.store import backup as backups
    from runner.store.watermark import is_store

    _needs_a_folder("restore", "its own server's means")
    if is_store(state / "state") and not replace:
        raise UsageError(f"{state} holds a state already", "Add --replace, or name another folder with --state DIR.")
    place = backups.unpack(file, state)
    try:
        runs, events = _verified(place / "state")
        kept = backups.put_in_place(place, state)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    found = {"state": str(state), "runs": runs, "events": events, "kept": kept and str(kept)}
    before = f"; what was there is kept in {kept}" if kept else ""
    _tell(found, as_json, f"{state}: {_count(runs, events)}{before}")


@app.command()
def compact(state: Path = STATE, as_json: bool = JSON) -> None:
    """Write the state anew without what was deleted and overwritten. No run may go on meanwhile."""
    from runner.store.compact import compact as compacted
    from runner.store.watermark import is_store

    _needs_a_folder("compact", "its own server's means")
    if not is_store(state / "state"):
        raise UsageError(f"nothing is stored in {state}", "Name the folder with --state DIR.")
    before, after = compacted((state / "state").absolute())
    _tell({"before": before, "after": after}, as_json, f"{state}: {before:,} bytes before, {after:,} after")


@app.command()
def check(state: Path = STATE, as_json: bool = JSON) -> None:
    """Verify every journal against the head that the state remembers. Ends with 1 when one does not hold."""
    from runner.store.examine import Findings, examine

    async def main() -> Findings:
        async with reading(state) as store:
            if store is None:
                raise UsageError(f"nothing is stored in {state}", "Name the folder with --state DIR.")
            return await examine(store)

    found = asyncio.run(main())
    content = {"runs": found.runs, "events": found.events, "broken": list(found.broken)}
    if found.broken and not as_json:
        raise JournalBroken("\n".join(found.broken), "Restore the state from a backup: runner state restore FILE.")
    _tell(content, as_json, f"{state}: {_count(found.runs, found.events)}, every journal holds")
    if found.broken:
        raise typer.Exit(1)


@app.command()
def export(
    state: Path = STATE,
    _: bool = typer.Option(True, "--json", help="Print JSON, as it does anyway."),
) -> None:
    """Print every document and event as a line of JSON, run by run."""
    from runner.store.examine import contents

    async def main() -> None:
        async with reading(state) as store:
            if store is None:
                return
            async for each in contents(store):
                typer.echo(json.dumps(each, ensure_ascii=False, separators=(",", ":"), sort_keys=True))

    asyncio.run(main())


def _verified(store: Path) -> tuple[int, int]:
    """How many runs and events a store on this machine has. Raises JournalBroken when one does not hold."""
    from runner.store.examine import Findings, examine

    async def main() -> Findings:
        opened = open_folder(store)
        await opened.open()
        try:
            return await examine(opened)
        finally:
            await opened.close()

    found = asyncio.run(main())
    if found.broken:
        raise JournalBroken("\n".join(found.broken), "Nothing was written. `runner state check` looks at the state.")
    return found.runs, found.events


def _needs_a_folder(what: str, instead: str) -> None:
    if os.environ.get("RUNNER_STATE_URL"):
        raise UsageError(
            f"`runner state {what}` works on a folder, and RUNNER_STATE_URL names a server",
            f"Unset it to work on the folder; for a server there is {instead}.",
        )


def _count(runs: int, events: int) -> str:
    return f"{runs} run{'s' * (runs != 1)}, {events:,} event{'s' * (events != 1)}"


def _tell(content: dict[str, object], as_json: bool, text: str) -> None:
    typer.echo(json.dumps(content) if as_json else text)
