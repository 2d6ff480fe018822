"""`runner audit`: the journal of events and its searchable copy."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path

import typer

from runner.cli.audit_keep import checked, export, prune
from runner.cli.audit_keep import key as make_key
from runner.cli.audit_search import search
from runner.cli.audit_semantic import setup_semantic
from runner.cli.audit_ship import ship, status
from runner.cli.state import ALL, JSON, STATE, audit_log, find_run, reading
from runner.errors import AuditError, JournalBroken, UsageError
from runner.run.audit_port import AuditLog
from runner.run.ports import StateStore
from runner.run.verification import Verdict, Verification

app = typer.Typer(help="Search, check and ship the journal of events.", no_args_is_help=True, rich_markup_mode=None)
_SHOWN = 12


@app.callback()
def _root() -> None:
    """Search, check and ship the journal of events."""


app.command()(search)


@app.command()
def verify(  # noqa: PLR0913 - one parameter per option
    runs: list[str] | None = typer.Argument(
        None, metavar="[RUN]...", help="Runs: ids, beginnings of ids, or `last`; none means all."
    ),
    every: bool = typer.Option(False, "--all", help="All runs (the default when none is named)."),
    file: Path | None = typer.Option(None, "--file", metavar="FILE", help="Check a file that `export` wrote instead."),
    key: Path | None = typer.Option(None, "--key", metavar="FILE", help="With --file: only this public key may sign."),
    journal_only: bool = typer.Option(False, "--journal-only", help="Do not ask the audit log."),
    state: Path = STATE,
    as_json: bool = JSON,
) -> None:
    """Check journals, and the audit log against them.

    No event was changed, lost or put in; exit code 1 when one was. The audit log is asked where RUNNER_AUDIT_URL is
    set; exit code 4 when it does not answer.
    """
    if file is not None:
        _verify_file(file, key, as_json)
        return
    if key is not None:
        raise UsageError("--key is for --file", "A journal is not signed; an exported file may be.")
    if runs and every:
        raise UsageError("--all and the names of runs exclude each other", "Give one of them.")
    verdicts, unasked = asyncio.run(_verify(state, runs or [], journal_only))
    if as_json:
        typer.echo(json.dumps([asdict(verdict) for verdict in verdicts], ensure_ascii=False))
    else:
        _print(state, verdicts)
    if not all(verdict.ok for verdict in verdicts):
        raise typer.Exit(JournalBroken.exit_code)
    if unasked is not None:
        raise unasked


def _verify_file(file: Path, key: Path | None, as_json: bool) -> None:
    sealed = checked(file, key)
    if as_json:
        typer.echo(json.dumps({"runs": dict(sealed.runs), "signer": sealed.signer}, ensure_ascii=False))
        return
    for run, count in sealed.runs.items():
        typer.echo(f"run {run}: {count} {'event' if count == 1 else 'events'}, chain ok")
    typer.echo(f"seal ok, {sealed.signer or 'not signed'}")


async def _verify(state: Path, names: list[str], journal_only: bool) -> tuple[list[Verdict], AuditError | None]:
    """The verdicts, and why the audit log could not be asked."""
    async with reading(state) as store:
        found = [(await find_run(store, state, name)).key for name in names]
        if store is None:
            return [], None
        if not names:
            found = list(
                dict.fromkeys([*(one.key for one in await store.runs(limit=ALL)), *sorted(await store.heads())])
            )
        async with audit_log(os.environ if not journal_only else {}) as log:
            try:
                return await _verdicts(store, log, found, strangers=not names), None
            except AuditError as error:
                return await _verdicts(store, None, found, strangers=False), error


async def _verdicts(store: StateStore, log: AuditLog | None, runs: list[str], *, strangers: bool) -> list[Verdict]:
    verification = Verification(store, log)
    await verification.begin()
    verdicts = [await verification.of(run) for run in dict.fromkeys(runs)]
    return [*verdicts, *(await verification.strangers() if strangers else [])]


def _print(state: Path, verdicts: list[Verdict]) -> None:
    if not verdicts:
        typer.echo(f"no runs in {state}")
    for verdict in verdicts:
        if verdict.ok:
            typer.echo(_line(verdict))
            continue
        typer.echo(f"runner: {verdict.error}", err=True)
        if verdict.hint:
            typer.echo(f"  hint: {verdict.hint}", err=True)


def _line(verdict: Verdict) -> str:
    noun = "event" if verdict.events == 1 else "events"
    parts = [f"run {verdict.run}: {verdict.events} {noun}", "chain ok", f"head {(verdict.head or '')[:_SHOWN]}"]
    if verdict.removed:
        parts.append(f"the first {verdict.removed} removed by retention")
    if verdict.audit is not None:
        waiting = f", {verdict.audit.waiting} waiting" if verdict.audit.waiting else ""
        parts.append(f"audit log equal{waiting}")
    return ", ".join(parts)


app.command()(ship)
app.command()(status)
app.command()(export)
app.command("key")(make_key)
app.command()(prune)
app.command("setup-semantic")(setup_semantic)
