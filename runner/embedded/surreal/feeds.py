"""What has changed in the tables of a database, from the engine's own changefeed, for as long as somebody listens.

The embedded engine accepts live queries and never tells of anything. A changefeed of the table itself would not do: it
does not tell a record that was made from one that was changed, unless it compares them, which takes seconds for a long
text. So an event of the table writes what happened into one row of a table of its own, in the same transaction, and
that table has a changefeed. All of it is there only while a live query is, for whatever is written is written twice by
it. Which tables have one stands beside the store before it is begun: a gateway that was killed leaves that to the next.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from runner.embedded.surreal import cbor
from runner.embedded.surreal.engine import Engine, EngineRefused
from runner.embedded.surreal.sessions import Denied
from runner.records import dataclass

#: Transactions that are read from a feed at once.
PAGE = 200
#: The table of the feed, and the event of each table that is listened to.
_NAME = "runner_live"
#: How long the engine keeps what a feed has told. It is read at once.
_KEPT = "10m"
#: The engine counts versions in steps of 2^16, and is asked for them without.
_VERSION_BITS = 16


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a record in `table`: CREATE, UPDATE or DELETE as `action`, the record's id and the record (of a
    deleted one as it was) as the items that they are.
    """

    table: str
    action: bytes
    record: bytes
    content: bytes


class Feed:
    """What changes in tables of the namespace and database `place`, from now on.

    Raises Denied, EngineRefused; like every method.
    """

    def __init__(self, engine: Engine, place: bytes, notes: Notes) -> None:
        self._engine = engine
        self._place = place
        self._notes = notes
        self._next = 0
        self._tables: set[str] = set()
        self._ask(f"DEFINE TABLE OVERWRITE {_NAME} SCHEMALESS CHANGEFEED {_KEPT} PERMISSIONS NONE", writes=True)
        while self._rows():
            pass  # of a feed before this one

    def add(self, table: str) -> None:
        """Tell of this table too. Raises Denied when there is no such table."""
        # The feed's own table would tell of what it tells, without an end.
        if table == _NAME or table not in cbor.fields(cbor.fields(self._ask("INFO FOR DB"))["tables"]):
            raise Denied(f"The table '{table}' does not exist")
        self._notes.add((self._place.hex(), table))
        content = 'IF $event = "DELETE" { $before } ELSE { $after }'
        told = f"table: {_text(table)}, event: $event, record: $value.id, content: {content}"
        event = f"UPSERT {_NAME}:last CONTENT {{ {told} }} RETURN NONE"
        self._ask(f"DEFINE EVENT OVERWRITE {_NAME} ON TABLE {_quoted(table)} WHEN true THEN {{ {event} }}", writes=True)
        self._tables.add(table)

    def remove(self, table: str) -> None:
        """Tell of it no more. With the last table the feed ends."""
        self._tables.discard(table)
        self._notes.take_away(self._engine, (self._place.hex(), table), last=not self._tables)

    def end(self) -> None:
        """End a feed without tables."""
        self._ask(f"REMOVE TABLE IF EXISTS {_NAME}", writes=True)

    def page(self) -> list[Change]:
        """The next changes; none when there is nothing new. A page ends with a transaction."""
        while rows := self._rows():
            told = [cbor.fields(item) for row in rows for item in cbor.items(row["changes"])]
            if found := [_change(each["update"]) for each in told if "update" in each]:
                return found
        return []

    def _rows(self) -> list[dict[str, bytes]]:
        rows = cbor.items(self._ask(f"SHOW CHANGES FOR TABLE {_NAME} SINCE {self._next} LIMIT {PAGE}"))
        found = [cbor.fields(row) for row in rows]
        if found:
            self._next = (cbor.number(found[-1]["versionstamp"]) >> _VERSION_BITS) + 1
        return found

    def _ask(self, query: str, *, writes: bool = False) -> bytes:
        return _asked(self._engine, self._place, query, writes=writes)


def _change(row: bytes) -> Change:
    told = cbor.fields(row)
    content = cbor.fields(told["content"])
    content.pop("__", None)  # by this the engine knows an edge
    return Change(cbor.text(told["table"]), told["event"], told["record"], cbor.pack_map(content))


def _asked(engine: Engine, place: bytes, query: str, *, writes: bool) -> bytes:
    """The result of a query's last statement. Raises Denied, EngineRefused."""
    params = cbor.pack_array([cbor.pack_text(query), cbor.pack_map({})])
    message = {"id": cbor.pack_text("feed"), "method": cbor.pack_text("query"), "params": params}
    answer = cbor.fields(engine.execute("query" if writes else "feed", cbor.pack_map(message), place))
    told = [cbor.fields(each) for each in cbor.items(answer["result"])]
    for each in told:
        if each["status"] != cbor.pack_text("OK"):
            raise Denied(cbor.text(each["result"]))
    return told[-1]["result"]


def _quoted(table: str) -> str:
    return "`" + table.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Notes:
    """The file that says which tables tell the gateway what changes in them."""

    def __init__(self, store: Path) -> None:
        self._path = store.with_name(f"{store.name}.feeds")

    def add(self, note: tuple[str, str]) -> None:
        """Write one down, before it is begun. Raises EngineRefused."""
        self._write([*self._read(), note])

    def take_away(self, engine: Engine, note: tuple[str, str], *, last: bool) -> None:
        """End what a note is about; with `last` the whole feed of its database. Raises EngineRefused."""
        place, table = note
        ends = [f"REMOVE EVENT IF EXISTS {_NAME} ON TABLE {_quoted(table)}"]
        ends += [f"REMOVE TABLE IF EXISTS {_NAME}"] if last else []
        for end in ends:
            with contextlib.suppress(Denied):  # the table may be gone
                _asked(engine, bytes.fromhex(place), end, writes=True)
        self._write([each for each in self._read() if each != note])

    def clear(self, engine: Engine) -> None:
        """End the feeds that a killed gateway has left. Raises EngineRefused."""
        for note in self._read():
            self.take_away(engine, note, last=True)

    def _read(self) -> list[tuple[str, str]]:
        try:
            return [(str(place), str(table)) for place, table in json.loads(self._path.read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError):
            return []

    def _write(self, notes: list[tuple[str, str]]) -> None:
        try:
            if notes:
                draft = self._path.with_name(f"{self._path.name}.draft")
                draft.write_text(json.dumps(notes), encoding="utf-8")
                draft.replace(self._path)
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            raise EngineRefused(f"IO error: {self._path}: {error.strerror}") from error
