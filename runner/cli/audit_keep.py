"""`runner audit export`, `key` and `prune`: journals as files, and how long they are kept."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from enum import StrEnum
from pathlib import Path

import typer

from runner.cli.state import ALL, JSON, STATE, audit_log, find_run, reading
from runner.compiler.canonical import Json
from runner.errors import UsageError
from runner.run.clock import iso
from runner.run.export import Sealed, Sign, check
from runner.run.export import export as exported
from runner.run.retention import Doomed, doomed, remove
from runner.wiring import has_store, open_store

_DAYS = {"d": 86400, "w": 7 * 86400, "y": 365 * 86400}


class Format(StrEnum):
    """How events are written."""

    JSONL = "jsonl"


def export(  # noqa: PLR0913 - one parameter per option
    runs: list[str] | None = typer.Argument(None, metavar="[RUN]...", help="Runs; none means all."),
    output: Path | None = typer.Option(
        None, "--output", "-o", metavar="FILE", help="Into this file, not to the terminal."
    ),
    format_: Format = typer.Option(Format.JSONL, "--format", help="One JSON document a line."),
    signed: bool = typer.Option(False, "--signed", help="Sign it with the key in the file of --key."),
    key: Path | None = typer.Option(
        None, "--key", envvar="RUNNER_AUDIT_SIGNING_KEY", metavar="FILE", help="A private key; see `runner audit key`."
    ),
    state: Path = STATE,
    as_json: bool = JSON,
) -> None:
    """Write journals as a file that can be checked.

    JSON lines, the last of which seals the others. `runner audit verify --file FILE` checks such a file anywhere,
    without the state folder.
    """
    if signed and key is None:
        hint = "Make a key with `runner audit key FILE`, then --key FILE or RUNNER_AUDIT_SIGNING_KEY=FILE."
        raise UsageError("--signed needs a key", hint)
    if as_json and output is None:
        raise UsageError("--json needs --output", "The events themselves are JSON lines already.")
    sign: Sign | None = None
    if signed and key is not None:
        from runner.store.signature import Signer

        sign = Signer(key)
    text = asyncio.run(_exported(state, runs or [], sign))
    if output is None:
        sys.stdout.write(text)
        return
    output.write_text(text, encoding="utf-8")
    count = text.count("\n") - 1
    told: dict[str, Json] = {"file": str(output), "events": count, "signed": signed}
    line = f"{count} events in {output}{', signed' if signed else ''}"
    typer.echo(json.dumps(told, ensure_ascii=False) if as_json else line)


async def _exported(state: Path, names: list[str], sign: Sign | None) -> str:
    async with reading(state) as store:
        found = [(await find_run(store, state, name)).key for name in names]
        if store is None:
            raise UsageError(f"no runs in {state}", "Name the folder with --state DIR.")
        chosen = list(dict.fromkeys(found)) or sorted(await store.heads())
        return "".join([f"{line}\n" async for line in exported(store, chosen, iso(time.time()), sign)])


def checked(file: Path, key: Path | None) -> Sealed:
    """What an exported file holds. Raises JournalBroken, UsageError."""
    from runner.store.signature import Checker

    try:
        lines = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}", "Name a file that `runner audit export` wrote.") from error
    return check(lines, Checker(key))


def key(
    file: Path = typer.Argument(..., metavar="FILE", help="Where the private key goes; the public one to FILE.pub."),
    as_json: bool = JSON,
) -> None:
    """Make a key to sign exports with."""
    from runner.store.signature import make_key

    public = make_key(file)
    told = {"private": str(file), "public": str(public)}
    line = f"private key in {file} (keep it to yourself), public key in {public}"
    typer.echo(json.dumps(told, ensure_ascii=False) if as_json else line)


def prune(
    older_than: str = typer.Option(..., "--older-than", metavar="AGE", help="How long ago they ended: 90d, 12w, 2y."),
    journal: bool = typer.Option(False, "--journal", help="Remove them from the journal too, for ever."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be removed."),
    state: Path = STATE,
    as_json: bool = JSON,
) -> None:
    """Remove the events of runs that ended long ago.

    From the audit log: the journal keeps them unless --journal is given. What was removed leaves a tombstone, so that
    `runner audit verify` goes on to tell retention from loss.
    """
    age = re.fullmatch(r"(\d+)([dwy])", older_than)
    if age is None:
        raise UsageError(
            f"--older-than is {older_than!r}, which is no age", "Write days, weeks or years: 90d, 12w, 2y."
        )
    before = iso(time.time() - int(age[1]) * _DAYS[age[2]])
    gone = asyncio.run(_pruned(state, before, f"older than {older_than}", journal, dry_run))
    if as_json:
        typer.echo(json.dumps([{"run": each.run, "events": each.seq} for each in gone], ensure_ascii=False))
        return
    for each in gone:
        typer.echo(f"run {each.run}: {each.seq} events, ended {each.ended_at}")
    verb = "would be removed" if dry_run else "removed"
    typer.echo(f"{len(gone)} {'run' if len(gone) == 1 else 'runs'} {verb}")


async def _pruned(state: Path, before: str, reason: str, journal: bool, dry_run: bool) -> list[Doomed]:
    async with audit_log(os.environ) as log:
        if log is None and not journal:
            raise UsageError("no audit log is known", "Set RUNNER_AUDIT_URL; the journal is pruned by --journal only.")
        if not has_store(state):
            return []
        store = open_store(state, read_only=dry_run)
        await store.open()
        try:
            found = await doomed(store, before)
            waiting = {event.run for event in await store.outbox(ALL)} if log is not None else set()
            found = [each for each in found if each.run not in waiting]
            for each in found if not dry_run else []:
                await remove(store, log, each, iso(time.time()), reason, journal=journal)
            return found
        finally:
            await store.close()
