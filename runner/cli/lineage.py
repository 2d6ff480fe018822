"""`runner state lineage`: what a leg or an artifact of a run was made of, and what was made of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import typer

from runner.cli.state import JSON, STATE, find_run, reading, suggestion
from runner.cli.table import one_line, render
from runner.compiler.canonical import Json
from runner.errors import UsageError
from runner.records import dataclass
from runner.run.ports import StateStore
from runner.run.stored import Edge

Documents = Mapping[str, dict[str, Json]]


@dataclass(frozen=True, slots=True)
class _Run:
    """What the store has of the run: legs, artifacts, attempts and boxes by key, its edges, its version."""

    id: str
    legs: Documents
    artifacts: Documents
    attempts: Documents
    boxes: Documents
    version: dict[str, Json] | None


def lineage(
    run: str = typer.Argument(..., metavar="RUN", help="A run's id, the beginning of it, or `last`."),
    what: str | None = typer.Argument(
        None, metavar="[STEP|STEP/OUTPUT]", help="A step, or a file that it hands on; without it, the whole run."
    ),
    state: Path = STATE,
    as_json: bool = JSON,
) -> None:
    """Show what a step or an artifact was made of, and what was made of it.

    Each step is shown with the artifacts that it took and made, its attempts and their boxes.
    """
    asyncio.run(_main(state, run, what, as_json))


async def _main(state: Path, name: str, what: str | None, as_json: bool) -> None:
    async with reading(state) as store:
        record = await find_run(store, state, name)
        if store is None:  # find_run raised already
            return
        run = await _read(store, record.key, record.data)
        if what is None:
            parts = {"edges": [edge for edge in await store.edges(run.id) if edge.kind != "used"]}
        else:
            parts = await _around(store, run, what)
    if as_json:
        typer.echo(json.dumps(_told(run, what, parts), ensure_ascii=False))
    else:
        typer.echo(_page(run, what, parts))


async def _read(store: StateStore, run: str, document: Mapping[str, Json]) -> _Run:
    legs, artifacts, attempts, boxes = [
        {record.key: record.data for record in await store.all(run, table)}
        for table in ("step", "artifact", "attempt", "box")
    ]
    key = document.get("workflow")
    version = await store.get(run, "workflow", key) if isinstance(key, str) else None
    return _Run(run, legs, artifacts, attempts, boxes, version.data if version else None)


async def _around(store: StateStore, run: _Run, what: str) -> dict[str, list[Edge]]:
    """The edges before and after what was named: a leg, all legs of a step, an artifact, or that of all of these.

    Raises UsageError for what is not there.
    """
    legs = [key for key, leg in run.legs.items() if what in (key, leg.get("step"))]
    artifacts = [key for key, about in run.artifacts.items() if what in (key, _of_step(run, about))]
    if not legs and not artifacts:
        known = [*run.legs, *run.artifacts]
        raise UsageError(
            f"run {run.id} has no step and no artifact {one_line(what)!r}",
            suggestion(what, known, f"Name a step, or STEP/OUTPUT; all of them: `runner state lineage {run.id}`."),
        )
    found = [await store.lineage(run.id, "step", key) for key in legs]
    found += [await store.lineage(run.id, "artifact", key) for key in artifacts]
    return {
        "upstream": sorted({edge for each in found for edge in each.upstream}),
        "downstream": sorted({edge for each in found for edge in each.downstream}),
    }


def _of_step(run: _Run, artifact: Mapping[str, Json]) -> str:
    """The name of an artifact by its step, whichever leg made it."""
    leg = run.legs.get(str(artifact.get("step")), {})
    return f"{leg.get('step')}/{artifact.get('output')}"


def _legs(edges: Iterable[Edge]) -> set[str]:
    return {edge.source if edge.kind == "produced" else edge.target for edge in edges}


# ---------------------------------------------------------------- shown


def _told(run: _Run, what: str | None, parts: Mapping[str, list[Edge]]) -> dict[str, object]:
    edges = [edge for part in parts.values() for edge in part]
    legs = sorted(_legs(edges) | {key for key in run.legs if key == what})
    artifacts = {edge.target if edge.kind == "produced" else edge.source for edge in edges} & run.artifacts.keys()
    tried = [each for each in run.attempts.values() if each["step"] in legs]
    boxes = {str(each["box"]) for each in tried if each.get("box")} & run.boxes.keys()
    return {
        "run": run.id,
        "of": what,
        "version": run.version,
        **{name: [asdict(edge) for edge in part] for name, part in parts.items()},
        "steps": {key: run.legs[key] for key in legs if key in run.legs},
        "artifacts": {key: run.artifacts[key] for key in sorted(artifacts)},
        "attempts": tried,
        "boxes": {key: run.boxes[key] for key in sorted(boxes)},
    }


_TITLES = {"edges": "", "upstream": "made of", "downstream": "became"}


def _page(run: _Run, what: str | None, parts: Mapping[str, list[Edge]]) -> str:
    version = run.version or {}
    of = f" of {one_line(version.get('path'))} (sha256 {str(version.get('spec_sha256'))[:12]})" if version else ""
    found = [f"run {run.id}{of}" + (f"\n{one_line(what)}" if what else "")]
    for name, edges in parts.items():
        if edges:
            found.append("\n".join(filter(None, (_TITLES[name], _table(run, edges)))))
    if not any(parts.values()):
        nothing = "no step of it takes or hands on an artifact"
        found.append(nothing if what is None else "it was made of no artifact, and no artifact of it")
    return "\n\n".join(found)


def _table(run: _Run, edges: list[Edge]) -> str:
    began = {key: str(leg.get("started_at") or "~") for key, leg in run.legs.items()}
    rows = []
    for leg in sorted(_legs(edges), key=lambda key: (began.get(key, "~"), key)):
        took = [edge.source for edge in edges if edge.kind == "consumed" and edge.target == leg]
        made = [edge.target for edge in edges if edge.kind == "produced" and edge.source == leg]
        rows.append([one_line(leg, 60), _list(took), _list(made), _tried(run, leg)])
    return render(("STEP", "TOOK", "MADE", "ATTEMPTS"), rows)


def _list(keys: list[str]) -> str:
    return one_line(", ".join(keys), 80) or "–"


def _tried(run: _Run, leg: str) -> str:
    """Each attempt of a leg with its box; or where the result came from without one."""
    tried = sorted((each for each in run.attempts.values() if each["step"] == leg), key=_number)
    if not tried:
        return one_line(run.legs.get(leg, {}).get("state") or "–")
    return one_line("; ".join(f"{each['number']} {each['state']}{_where(each)}" for each in tried), 200)


def _number(attempt: Mapping[str, Json]) -> int:
    number = attempt["number"]
    return number if isinstance(number, int) else 0


def _where(attempt: Mapping[str, Json]) -> str:
    cached = attempt.get("cached")
    if isinstance(cached, dict):
        return f", the result of {cached.get('leg')} of run {cached.get('run')}"
    if attempt.get("child"):
        return f" as run {attempt['child']}"
    return f" in {attempt.get('provider')} {attempt['box']}" if attempt.get("box") else ""
