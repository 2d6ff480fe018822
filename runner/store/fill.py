"""What states of an older version lack, from what they have: attempts and questions of legs, and edges.

The journal and the documents tell all of it but three things, which stay unknown: which artifacts a leg was handed
(edges `consumed`), what each of several attempts has cost, and from which version of its workflow a run came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, cast

from runner.compiler.canonical import Json
from runner.run.event import Event
from runner.run.followed import Document, attempt_key, followed
from runner.run.ports import Change
from runner.store.codec import encode
from runner.store.edges import edges_of
from runner.store.graph import relation
from runner.store.rows import content, event_of, key_text, record, unkeyed
from runner.store.surreal_sdk import rid

Ask = Callable[[str, dict[str, object]], list[Any]]
#: Events and rows that are asked for, or written, at once: a server has to answer in time.
_PAGE = 1000


def fill_in(ask: Ask) -> None:
    """Write them for every run. May be repeated: what is there stays."""
    for key in ask("fill_runs", {})[0]:
        _fill_run(ask, unkeyed(key))


def _fill_run(ask: Ask, run: str) -> None:
    tables = {
        table: {one.key: one.data for one in map(record, ask(f"all_{table}", {"run": key_text(run)})[0])}
        for table in ("step", "box", "artifact")
    }
    made = derived(_events(ask, run), tables["step"])
    changes = [Change(table, key, 0, data) for table in ("box", "artifact") for key, data in tables[table].items()]
    edges = [relation(run, edge) for edge in edges_of(run, changes)]
    parts = {"attempts": _rows(run, "attempt", made["attempt"]), "approvals": _rows(run, "approval", made["approval"])}
    for name, rows in {**parts, "edges": edges}.items():
        for start in range(0, len(rows), _PAGE):
            ask("fill", {"attempts": [], "approvals": [], "edges": [], name: rows[start : start + _PAGE]})


def _events(ask: Ask, run: str) -> Iterator[Event]:
    after = 0
    while rows := ask("events", {"run": key_text(run), "after": after, "limit": _PAGE})[0]:
        yield from (event_of(row["body"], run, row["id"].id[1]) for row in rows)
        after = rows[-1]["id"].id[1]


def derived(events: Iterable[Event], legs: Mapping[str, Document]) -> dict[str, dict[str, Document]]:
    """The attempts and questions of a run, by table and key, as its events and the documents of its legs tell them.

    An attempt or a question whose beginning retention has removed is left out.
    """
    made: dict[str, dict[str, Document]] = {"attempt": {}, "approval": {}}
    last: dict[str, Document] = {}

    def find(table: str, key: str) -> Document | None:
        return last.get(key) if table == "step" else made[table].get(key)

    for event in events:
        if event.step is not None and event.attempt is not None:
            last[event.step] = {"attempt": event.attempt}
        for table, key, fields in followed(event, find):
            if key in made[table] or event.type in ("step.started", "approval.asked"):
                made[table].setdefault(key, {}).update(fields)
    for key, leg in legs.items():
        _completed(made["attempt"].get(attempt_key(key, cast("int", leg.get("attempt") or 0))), leg)
    return made


def _completed(attempt: Document | None, leg: Document) -> None:
    """Tell a leg's last attempt what only the leg's document says."""
    if attempt is None:
        return
    for name in ("provider", "box", "child"):
        if leg.get(name) is not None:
            attempt.setdefault(name, leg[name])
    if leg.get("attempt") == 1 and "usd" in leg:
        attempt["usd"] = leg["usd"]


def _rows(
    run: str, table: Literal["attempt", "approval"], found: Mapping[str, dict[str, Json]]
) -> list[dict[str, object]]:
    rows = []
    for key, data in found.items():
        change = Change(table, key, 0, data)
        row = content(run, change, encode(data), 0) or {}
        rows.append({"id": rid(table, [run, key]), **row})
    return rows
