"""Edges as SurrealDB has them: rows of relation tables, whose ids say what they connect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runner.run.stored import Edge
from runner.store.edges import ends
from runner.store.rows import unkeyed
from runner.store.surreal_sdk import rid


def relation(run: str, edge: Edge) -> dict[str, object]:
    """The row of an edge."""
    if edge.kind == "used":
        between = {"id": rid("used", [run, edge.target]), "in": rid("run", run), "out": rid("box", [run, edge.target])}
        return dict(between)
    source, target = (rid(table, [run, key]) for table, key in ends(edge))
    return {"id": rid(edge.kind, [run, edge.source, edge.target]), "in": source, "out": target}


def edges_in(ids: Iterable[Any]) -> list[Edge]:
    """The edges that have these ids, sorted, each once."""
    found = set()
    for row in ids:
        kind, (run, *keys) = row.table_name, (unkeyed(part) for part in row.id)
        found.add(Edge(kind, run, keys[0]) if kind == "used" else Edge(kind, keys[0], keys[1]))
    return sorted(found)
