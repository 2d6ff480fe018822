"""`runner audit ship` and `status`: what the audit log has not got yet, and how it gets there."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from runner.cli.state import JSON, STATE, audit_log, find_run, local, reading, seconds_between, span
from runner.compiler.canonical import Json
from runner.errors import AuditError, UsageError
from runner.run.clock import SystemClock
from runner.run.shipper import BATCH, Shipper
from runner.run.shipper import ship as deliver
from runner.wiring import has_store, open_store

if TYPE_CHECKING:
    from runner.run.audit_port import AuditLog
    from runner.run.ports import StateStore

_UNKNOWN = "no audit log is known"
_SET = "Set RUNNER_AUDIT_URL, for example to http://127.0.0.1:8080."
_LETTERS = 20


def ship(  # noqa: PLR0913 - one parameter per option
    runs: list[str] | None = typer.Argument(None, metavar="[RUN]...", help="With --again: these runs; none means all."),
    once: bool = typer.Option(False, "--once", help=f"Deliver one batch of at most {BATCH} events."),
    follow: bool = typer.Option(False, "--follow", help="Deliver what comes, until Ctrl-C."),
    dead: bool = typer.Option(False, "--dead", help="Try the events again that were refused."),
    again: bool = typer.Option(False, "--again", help="Write whole journals once more, as after a loss."),
    state: Path = STATE,
    as_json: bool = JSON,
) -> None:
    """Deliver to the audit log what it has not got yet.

    A run does that by itself while it goes on; this is for what is left. Delivering twice does no harm. Exit code 4
    when the audit log does not take it: nothing is lost, and the same command goes on where it stopped.
    """
    if runs and not again:
        raise UsageError("runs are named for --again only", "Without it, all that waits is delivered.")
    if once and follow:
        raise UsageError("--once and --follow exclude each other", "Give one of them.")
    told = asyncio.run(_ship(state, runs or [], Wanted(once, follow, dead, again)))
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    again_ = f"{told['again']} written again, " if again else ""
    typer.echo(f"audit: {again_}{told['delivered']} delivered, {told['refused']} refused, {told['waiting']} waiting")


class Wanted:
    """What `ship` was asked for."""

    def __init__(self, once: bool, follow: bool, dead: bool, again: bool) -> None:
        self.once, self.follow, self.dead, self.again = once, follow, dead, again


async def _ship(state: Path, names: list[str], wanted: Wanted) -> dict[str, Json]:
    async with audit_log(os.environ) as log:
        if log is None:
            raise UsageError(_UNKNOWN, _SET)
        if not has_store(state):
            return {"again": 0, "delivered": 0, "refused": 0, "waiting": 0, "dead": 0}
        store = open_store(state)
        await store.open()
        try:
            return await _shipped(store, log, [(await find_run(store, state, name)).key for name in names], wanted)
        finally:
            await store.close()


async def _shipped(store: StateStore, log: AuditLog, runs: list[str], wanted: Wanted) -> dict[str, Json]:
    shipper = Shipper(store, log, SystemClock(), lambda sentence: typer.echo(sentence, err=True))
    rewritten = await _again(store, log, runs or sorted(await store.heads())) if wanted.again else 0
    way = _until_stopped if wanted.follow else Shipper.once if wanted.once else Shipper.drain
    return {"again": rewritten, **asdict(await deliver(shipper, store, dead=wanted.dead, way=way))}


async def _again(store: StateStore, log: AuditLog, runs: list[str]) -> int:
    """Deliver the journals of these runs from their beginning; the number of events."""
    count = 0
    for run in runs:
        after, there = 0, {each.seq for each in await log.copies(run)}
        while events := await store.events(run, after=after, limit=BATCH):
            for anew in (False, True):
                some = [each for each in events if (each.seq not in there) is anew]
                count += len((await log.deliver(some, anew)).accepted) if some else 0
            after = events[-1].seq
    return count


async def _until_stopped(shipper: Shipper) -> None:
    task = asyncio.ensure_future(shipper.follow())
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def status(state: Path = STATE, as_json: bool = JSON) -> None:
    """Show what the audit log has not got yet.

    Events that wait, refused ones with the reason, and whether it answers now.
    """
    told = asyncio.run(_status(state))
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    oldest = told["oldest"]
    age = f", the oldest of {local(oldest)} ({span(seconds_between(oldest, None))} ago)" if oldest else ""
    typer.echo(f"waiting: {told['waiting']}{age}")
    typer.echo(f"refused: {told['dead']}")
    letters = told["letters"]
    for letter in letters if isinstance(letters, list) else []:
        assert isinstance(letter, dict)  # noqa: S101 - for the type checker
        typer.echo(f"  run {letter['run']}, event {letter['seq']} ({letter['type']}): {letter['reason']}")
    typer.echo(f"audit log: {told['log']}")
    if told["error"]:
        typer.echo(f"  error: {told['error']}")


async def _status(state: Path) -> dict[str, Json]:
    told: dict[str, Json] = {"waiting": 0, "oldest": None, "dead": 0, "letters": [], "events": 0}
    async with reading(state) as store:
        if store is not None:
            backlog = await store.backlog()
            letters: list[Json] = [
                {"run": one.event.run, "seq": one.event.seq, "type": one.event.type, "reason": one.reason}
                for one in await store.dead(_LETTERS)
            ]
            events = sum(seq for seq, _ in (await store.heads()).values())
            told |= {"waiting": backlog.waiting, "oldest": backlog.oldest, "dead": backlog.dead}
            told |= {"letters": letters, "events": events}
    async with audit_log(os.environ) as log:
        return told | await _answering(log)


async def _answering(log: AuditLog | None) -> dict[str, Json]:
    """Whether the audit log answers now."""
    if log is None:
        return {"log": "none (set RUNNER_AUDIT_URL)", "copies": None, "error": ""}
    try:
        await log.open()
        return {"log": log.name, "copies": sum((await log.counts()).values()), "error": ""}
    except AuditError as error:
        return {"log": log.name, "copies": None, "error": error.message}
