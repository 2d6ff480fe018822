"""`runner doctor`: what this machine has for runs, what it lacks, and what would be chosen."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import typer

from runner.cli.examination import Chosen, examine
from runner.cli.finding import Finding
from runner.cli.stack import diagnosis
from runner.cli.state import JSON, STATE
from runner.cli.table import width
from runner.compiler.renderers.text import harmless

_SIGNS = {"ok": "✓", "off": "·", "missing": "–", "problem": "✗"}
_COLOURS = {"ok": "green", "off": "bright_black", "missing": "yellow", "problem": "red"}


def doctor(state: Path = STATE, as_json: bool = JSON) -> None:
    """Look at what runs need on this machine.

    Packages, boxes (one of each provider that costs nothing is really made), the state, Prefect, the audit log, the
    stack and how its services fare, programs: what is there, what is missing or stale, how to mend it, and which
    provider sandboxes with usual needs would get. Nothing is changed. Exit code 1 if something that is asked for, or
    that every run needs, does not work.
    """
    vitals = diagnosis.vitals(state)
    found, chosen = asyncio.run(examine(state, os.environ, vitals))
    bad = [each for each in found if each.verdict == "problem"]
    if as_json:
        body = {
            "ok": not bad,
            "findings": [asdict(each) for each in found],
            "choices": [asdict(each) for each in chosen],
            "stack": diagnosis.body(vitals),
        }
        typer.echo(json.dumps(body, indent=2, ensure_ascii=False))
    else:
        for line in _lines(found, chosen):
            typer.echo(line)
    if bad:
        raise typer.Exit(1)


def _lines(found: Sequence[Finding], chosen: Sequence[Chosen]) -> Iterator[str]:
    wide = max(width(each.name) for each in found)
    area = ""
    for each in found:
        if each.area != area:
            area = each.area
            yield area
        sign = typer.style(_SIGNS[each.verdict], fg=_COLOURS[each.verdict])
        remedy = f"  → {each.remedy}" if each.remedy else ""
        yield f"  {sign} {each.name.ljust(wide)}  {harmless(each.says + remedy)}"
    yield "a sandbox that needs"
    for one in chosen:
        why = one.reasons[one.provider] if one.provider else "; ".join(one.reasons.values())
        taken = f"{one.provider or 'nothing'}: {why}"
        yield f"  {one.needs.ljust(wide + 2)}  {harmless(taken)}"
    bad = sum(each.verdict == "problem" for each in found)
    yield "everything that is asked for works" if not bad else f"{bad} of it must be mended: see ✗"
