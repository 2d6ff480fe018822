"""`runner state`: back up, restore, compact, check and export what runs have left."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path

import typer

from runner.cli.lineage import lineage
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

    made = backups.back_up(state, file, open_folder)
    found = {"file": str(file), "bytes": made.bytes, "runs": made.runs, "events": made.events}
    _tell(found, as_json, f"{file}: {_count(made.runs, made.events)}")


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

    backups.needs_a_folder(os.environ, "restore", "its own server's means")
    if is_store(state / "state") and not replace:
        raise UsageError(f"{state} holds a state already", "Add --replace, or name another folder with --state DIR.")
    place = backups.unpack(file, state)
    try:
        runs, events = backups.verified(open_folder(place / "state"))
        kept = backups.put_in_place(place, state)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    found = {"state": str(state), "runs": runs, "events": events, "kept": kept and str(kept)}
    before = f"; what was there is kept in {kept}" if kept else ""
    _tell(found, as_json, f"{state}: {_count(runs, events)}{before}")


@app.command()
def compact(state: Path = STATE, as_json: bool = JSON) -> None:
    """Write the state anew without what was deleted and overwritten. No run may go on meanwhile."""
    from runner.store.backup import needs_a_folder
    from runner.store.compact import compact as compacted
    from runner.store.watermark import is_store

    needs_a_folder(os.environ, "compact", "its own server's means")
    if not is_store(state / "state"):
        raise UsageError(f"nothing is stored in {state}", "Name the folder with --state DIR.")
    before, after = compacted((state / "state").absolute())
    _tell({"before": before, "after": after}, as_json, f"{state}: {before:,} bytes before, {after:,} after")


@app.command()
def check(state: Path = STATE, as_json: bool = JSON) -> None:
    """Verify every journal, and every document against its journal.

    The end of a journal is the one that the state remembers. Ends with 1 when something does not hold.
    """
    from runner.run.replay import disagreeing
    from runner.store.examine import Findings, examine

    async def main() -> tuple[Findings, list[str]]:
        async with reading(state) as store:
            if store is None:
                raise UsageError(f"nothing is stored in {state}", "Name the folder with --state DIR.")
            found = await examine(store)
            # What a broken journal would replay to says nothing.
            return found, [] if found.broken else await disagreeing(store)

    found, differing = asyncio.run(main())
    wrong = [*found.broken, *differing]
    content = {"runs": found.runs, "events": found.events, "broken": list(found.broken), "differing": differing}
    if wrong and not as_json:
        raise JournalBroken("\n".join(wrong), "Restore the state from a backup: runner state restore FILE.")
    told = f"{state}: {_count(found.runs, found.events)}, every journal holds, and every document is as it says"
    _tell(content, as_json, told)
    if wrong:
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


app.command()(lineage)


def _count(runs: int, events: int) -> str:
    return f"{runs} run{'s' * (runs != 1)}, {events:,} event{'s' * (events != 1)}"


def _tell(content: dict[str, object], as_json: bool, text: str) -> None:
    typer.echo(json.dumps(content) if as_json else text)
