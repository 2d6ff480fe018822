"""`runner logs`: what the steps of a run printed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Literal

import typer

from runner.cli.state import JSON, STATE, find_run, reading, suggestion
from runner.cli.table import one_line
from runner.errors import UsageError
from runner.records import dataclass
from runner.run.logfile import attempts, log_path, read_log
from runner.run.ports import Record


@dataclass(frozen=True, slots=True)
class _Log:
    """One attempt of one leg that has a log."""

    step: str
    attempt: int
    path: Path


def logs(
    run: str = typer.Argument(..., metavar="RUN", help="A run's id, the beginning of it, or `last`."),
    step: str | None = typer.Argument(
        None, metavar="[STEP]", help="A step's id or the key of one matrix leg; without it, all steps."
    ),
    attempt: int | None = typer.Option(None, "--attempt", min=1, help="Which attempt; without it, the last one."),
    stream: str | None = typer.Option(None, "--stream", metavar="NAME", help="Only `stdout` or only `stderr`."),
    state: Path = STATE,
    as_json: bool = JSON,
) -> None:
    """Print what the steps of a run printed.

    Step by step in the order of their starts; secrets are masked.
    """
    if stream not in (None, "stdout", "stderr"):
        raise UsageError(f"no stream {stream!r}", "Streams are stdout and stderr.")
    wanted: Literal["stdout", "stderr"] | None = stream  # type: ignore[assignment]
    found = asyncio.run(_find(state, run, step, attempt))
    if as_json:
        typer.echo(json.dumps([line for log in found for line in _values(log, wanted)]))
        return
    for log in found:
        if len(found) > 1:
            typer.echo(f"── {one_line(log.step)} (attempt {log.attempt})")
        _print(log, wanted)


async def _find(state: Path, name: str, step: str | None, attempt: int | None) -> list[_Log]:
    async with reading(state) as store:
        record = await find_run(store, state, name)
        legs = await store.all(record.key, "step") if store else []
    chosen = legs if step is None else _matching(record.key, legs, step)
    chosen.sort(key=lambda leg: (str(leg.data.get("started_at") or "~"), leg.key))
    found = []
    for leg in chosen:
        known = attempts(state, record.key, leg.key)
        number = attempt if attempt is not None else known[-1] if known else 0
        if number in known:
            found.append(_Log(leg.key, number, log_path(state, record.key, leg.key, number)))
    if not found and step is not None:
        raise _nothing(state, record.key, step, attempt, chosen)
    return found


def _matching(run: str, legs: list[Record], step: str) -> list[Record]:
    """All legs of that step, else the leg with that key."""
    found = [leg for leg in legs if leg.data.get("step") == step] or [leg for leg in legs if leg.key == step]
    if not found:
        hint = suggestion(step, [leg.key for leg in legs], f"List them with `runner status {run}`.")
        raise UsageError(f"run {run} has no step {step!r}", hint)
    return found


def _nothing(state: Path, run: str, step: str, attempt: int | None, legs: list[Record]) -> UsageError:
    known = sorted({number for leg in legs for number in attempts(state, run, leg.key)})
    if attempt is not None and known:
        return UsageError(
            f"step {step!r} of run {run} has no output of attempt {attempt}",
            f"Attempts with output: {', '.join(map(str, known))}.",
        )
    below = next((str(leg.data["child"]) for leg in legs if leg.data.get("child")), None)
    if below is not None:
        return UsageError(f"step {step!r} of run {run} is the run {below}", f"See `runner logs {below}`.")
    states = ", ".join(sorted({str(leg.data.get("state") or "pending") for leg in legs}))
    return UsageError(f"step {step!r} of run {run} ({states}) has no output", f"See `runner status {run}`.")


def _values(log: _Log, stream: Literal["stdout", "stderr"] | None) -> list[dict[str, object]]:
    return [
        {"step": log.step, "attempt": log.attempt, "ts": line.ts, "stream": line.stream, "text": line.text}
        for line in read_log(log.path)
        if stream in (None, line.stream)
    ]


def _print(log: _Log, stream: Literal["stdout", "stderr"] | None) -> None:
    ended = True
    for line in read_log(log.path):
        if stream in (None, line.stream):
            # Bytes, so that a lone surrogate or a narrow terminal encoding cannot stop it.
            typer.echo(line.text.encode("utf-8", "replace"), nl=False)
            ended = line.text.endswith("\n")
    if not ended:
        typer.echo()
