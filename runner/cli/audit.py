"""`runner audit`: the journal of events."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

import typer

from runner.cli.state import ALL, JSON, STATE, find_run, reading
from runner.errors import JournalBroken, UsageError
from runner.records import dataclass
from runner.run.event import verify as verify_chain
from runner.run.ports import StateStore

app = typer.Typer(help="Look into the journal of events.", no_args_is_help=True, rich_markup_mode=None)
_SHOWN = 12


@app.callback()
def _root() -> None:
    """Look into the journal of events."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What was found of one run's journal."""

    run: str
    ok: bool
    events: int
    head: str | None
    error: str = ""
    hint: str = ""


@app.command()
def verify(
    runs: list[str] | None = typer.Argument(
        None, metavar="[RUN]...", help="Runs: ids, beginnings of ids, or `last`; none means all."
    ),
    every: bool = typer.Option(False, "--all", help="All runs (the default when none is named)."),
    state: Path = STATE,
    as_json: bool = JSON,
) -> None:
    """Check that the journals of runs are whole.

    No event was changed, lost or put in; exit code 1 when one was.
    """
    if runs and every:
        raise UsageError("--all and the names of runs exclude each other", "Give one of them.")
    verdicts = asyncio.run(_verify(state, runs or []))
    if as_json:
        typer.echo(json.dumps([asdict(verdict) for verdict in verdicts], ensure_ascii=False))
    else:
        _print(state, verdicts)
    if not all(verdict.ok for verdict in verdicts):
        raise typer.Exit(JournalBroken.exit_code)


async def _verify(state: Path, names: list[str]) -> list[_Verdict]:
    async with reading(state) as store:
        found = [(await find_run(store, state, name)).key for name in names]
        if store is None:
            return []
        if not names:
            found = [record.key for record in await store.runs(limit=ALL)]
        return [await _verdict(store, run) for run in dict.fromkeys(found)]


async def _verdict(store: StateStore, run: str) -> _Verdict:
    head = await store.head(run)
    seq, hash_ = head or (0, None)
    try:
        count = verify_chain(await store.events(run), run, head)
        if head is None:
            raise JournalBroken(  # noqa: TRY301 - one way to tell that a journal is broken
                f"run {run}: the head of its journal is missing (events found: {count})",
                "Restore the state folder from a backup.",
            )
    except JournalBroken as error:
        return _Verdict(run, False, seq, hash_, error.message, error.hint)
    return _Verdict(run, True, count, hash_)


def _print(state: Path, verdicts: list[_Verdict]) -> None:
    if not verdicts:
        typer.echo(f"no runs in {state}")
    for verdict in verdicts:
        if verdict.ok:
            noun = "event" if verdict.events == 1 else "events"
            typer.echo(f"run {verdict.run}: {verdict.events} {noun}, chain ok, head {(verdict.head or '')[:_SHOWN]}")
            continue
        typer.echo(f"runner: {verdict.error}", err=True)
        if verdict.hint:
            typer.echo(f"  hint: {verdict.hint}", err=True)
