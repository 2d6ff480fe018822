"""`runner cancel` and `runner pause`: end a run that another process runs, or let it begin nothing new."""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer

from runner.cli.asking import Subject, going_on, kept_words, request, send, tell
from runner.cli.printed import command
from runner.cli.state import JSON, STATE, reading
from runner.errors import UsageError
from runner.run.requests import Action

_RUN = typer.Argument(..., metavar="RUN", help="A run's id, the beginning of it, or `last`.")


def cancel(
    run: str = _RUN,
    reason: str = typer.Option("", "--reason", "-m", help="Why; it is kept with the run."),
    state: Path = STATE,
    as_json: bool = JSON,
) -> None:
    """Stop a run as Ctrl-C does.

    Its commands are killed, `finally` runs, its boxes are freed. Again: without waiting for `finally`. A run that no
    process runs ends so when it is gone on with.
    """
    subject, taken = asyncio.run(_ask(state, run, "cancel", reason))
    record = subject.record
    words = f"run {record.key} is being stopped" if taken else f"run {record.key} is to be stopped"
    tell(
        {"run": record.key, "action": "cancel", "taken": taken},
        words if taken else f"{words}; {kept_words(state, subject)}",
        as_json=as_json,
    )


def pause(
    run: str = _RUN,
    reason: str = typer.Option("", "--reason", "-m", help="Why; it is kept with the run."),
    state: Path = STATE,
    as_json: bool = JSON,
) -> None:
    """Let a run begin nothing new.

    What has begun ends, then the run is paused, and its boxes are freed. `runner resume` goes on with it.
    """
    subject, taken = asyncio.run(_ask(state, run, "pause", reason))
    record = subject.record
    words = f"run {record.key} begins nothing new" if taken else f"run {record.key}: {kept_words(state, subject)}"
    tell(
        {"run": record.key, "action": "pause", "taken": taken},
        f"{words}; go on with it: {command(state, 'resume', record.key)}",
        as_json=as_json,
    )


async def _ask(state: Path, name: str, action: Action, reason: str) -> tuple[Subject, bool]:
    async with reading(state) as store:
        subject = await going_on(store, state, name)
    record = subject.record
    if action == "pause" and not subject.is_run:
        about = "it is paused" if record.data["state"] == "paused" else "its process is gone"
        hint = f"Go on with it: {command(state, 'resume', record.key)}"
        raise UsageError(f"no process runs run {record.key}: {about}", hint)
    return subject, await send(state, record.key, subject, request(action, reason))
