"""`runner audit search`: find events by words and by what they are about."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import typer

from runner.cli.state import JSON, STATE, audit_log, find_run, local, reading, suggestion
from runner.errors import AuditError, UsageError
from runner.records import dataclass
from runner.run.audit_port import AuditHit, AuditQuery
from runner.run.catalogue import SEVERITIES, at_least, severity, tokens
from runner.run.clock import iso
from runner.run.event import EVENT_TYPES, Event
from runner.wiring import open_index

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
#: What the server answers at once.
_MOST = 10_000
_TEXT = 100
_TOLD = ("message", "reason", "error", "name", "provider")


class Mode(StrEnum):
    """How words are compared."""

    LEXICAL = "lexical"
    HYBRID = "hybrid"
    SEMANTIC = "semantic"


class Source(StrEnum):
    """What is searched."""

    AUTO = "auto"
    WEAVIATE = "weaviate"
    JOURNAL = "journal"


class Lowest(StrEnum):
    """The least severity."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was found, and by whom."""

    hits: list[AuditHit]
    source: str
    note: str = ""


def search(  # noqa: PLR0913 - one parameter per option
    words: list[str] | None = typer.Argument(None, metavar="[WORD]...", help="Words; none means the newest events."),
    run: str | None = typer.Option(None, "--run", metavar="RUN", help="A run: id, beginning of an id, or `last`."),
    step: str | None = typer.Option(None, "--step", metavar="STEP", help="A step's id, or one leg of it."),
    agent: str | None = typer.Option(None, "--agent", metavar="NAME", help="The agent or owner it is about."),
    provider: str | None = typer.Option(None, "--provider", metavar="NAME", help="The provider of boxes it is about."),
    types: list[str] = typer.Option([], "--type", metavar="TYPE", help="An event type, or `step.*`; may be repeated."),
    lowest: Lowest = typer.Option(Lowest.INFO, "--severity", help="This severity and what is worse."),
    since: str | None = typer.Option(None, "--since", metavar="TIME", help="From then on: `2h`, `7d`, or a date."),
    until: str | None = typer.Option(None, "--until", metavar="TIME", help="Before then: `2h`, `7d`, or a date."),
    limit: int = typer.Option(20, "--limit", min=1, max=_MOST, help="How many at most."),
    mode: Mode = typer.Option(Mode.LEXICAL, "--mode", help="By words, by meaning (semantic), or both (hybrid)."),
    source: Source = typer.Option(Source.AUTO, "--source", help="auto: Weaviate where it answers, else the journal."),
    state: Path = STATE,
    as_json: bool = JSON,
) -> None:
    """Find events, the best first.

    Searched is Weaviate where RUNNER_AUDIT_URL names one, otherwise the journal itself, with the same words and the
    same ranking; the last line says which.
    """
    text = " ".join(words or [])
    if text and not tokens(text):
        raise UsageError(f"{text!r} has no letter and no digit", "Give words, or none to list the newest events.")
    query = AuditQuery(
        words=text,
        mode=mode.value,
        run=run,
        step=step,
        agent=agent,
        provider=provider,
        types=_types(types),
        severities=() if lowest.value == SEVERITIES[0] else at_least(lowest.value),
        since=_moment("--since", since),
        until=_moment("--until", until),
        limit=limit,
    )
    answer = asyncio.run(_answer(state, query, source))
    if as_json:
        hits = [
            {"score": hit.score, "severity": severity(hit.event), "event": hit.event.to_json()} for hit in answer.hits
        ]
        typer.echo(json.dumps({"source": answer.source, "hits": hits}, ensure_ascii=False))
        return
    for hit in answer.hits:
        typer.echo(_line(hit.event))
    if answer.note:
        typer.echo(answer.note, err=True)
    noun = "event" if len(answer.hits) == 1 else "events"
    typer.echo(f"{len(answer.hits)} {noun} (searched: {answer.source})")


async def _answer(state: Path, query: AuditQuery, source: Source) -> _Answer:
    environ: Mapping[str, str] = {} if source == Source.JOURNAL else os.environ
    async with reading(state) as store, audit_log(environ) as log:
        if query.run is not None and (store is not None or log is None):
            query = _about(query, (await find_run(store, state, query.run)).key)
        note = ""
        if log is not None:
            try:
                return _Answer(await log.search(query), log.name)
            except AuditError as error:
                if source == Source.WEAVIATE:
                    raise
                note = f"audit: {error.message}; searched the journal instead"
        elif source == Source.WEAVIATE:
            raise UsageError("no audit log is known", "Set RUNNER_AUDIT_URL, or leave --source away.")
        if store is None:
            return _Answer([], f"the journal in {state}, which holds no runs", note)
        index = open_index(state, os.environ, lambda sentence: typer.echo(sentence, err=True))
        try:
            return _Answer(await index.search(store, query), f"the journal in {state}", note)
        finally:
            index.close()


def _about(query: AuditQuery, run: str) -> AuditQuery:
    from dataclasses import replace

    return replace(query, run=run)


def _types(wanted: Sequence[str]) -> tuple[str, ...]:
    """Event types by name, or by family: `step.*`. Raises UsageError for a name that no event has."""
    found: dict[str, None] = {}
    for name in wanted:
        family = name.removesuffix("*") if name.endswith(".*") else None
        chosen = [type_ for type_ in EVENT_TYPES if type_ == name or (family and type_.startswith(family))]
        if not chosen:
            otherwise = "`runner schema event` lists them all."
            raise UsageError(f"no event has the type {name!r}", suggestion(name, list(EVENT_TYPES), otherwise))
        found |= dict.fromkeys(chosen)
    return tuple(found)


def _moment(option: str, text: str | None) -> str | None:
    """A moment as events write it: so long ago, or a date and a time (on this machine's clock without a zone)."""
    if text is None:
        return None
    ago = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text.strip())
    if ago:
        return iso(time.time() - float(ago[1]) * _UNITS[ago[2]])
    try:
        return iso(datetime.fromisoformat(text.strip()).timestamp())
    except (ValueError, OverflowError, OSError):
        hint = "Write how long ago (30m, 2h, 7d, 4w), a date (2026-01-31), or 2026-01-31T12:00:00Z."
        raise UsageError(f"{option} is {text!r}, which is no moment", hint) from None


def _line(event: Event) -> str:
    told = next((str(event.data[name]) for name in _TOLD if event.data.get(name)), "")
    first = (told.splitlines() or [""])[0]
    shown = first if len(first) <= _TEXT else f"{first[: _TEXT - 1]}…"
    return "  ".join(filter(None, [local(event.ts), event.run, event.type, event.step or "", shown]))
