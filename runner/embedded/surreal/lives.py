"""Live queries: whoever has one on a table hears of each change that is written there, in order.

Everything that is written comes through the gateway, so nothing has to be polled blindly: a feed is read after a write,
and many writes at once are read together. Who does not take what he asked for is cut off, and nobody waits for him.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from uuid import UUID, uuid4

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from runner.embedded.surreal import cbor
from runner.embedded.surreal.engine import Engine, EngineRefused
from runner.embedded.surreal.feeds import Change, Feed, Notes
from runner.embedded.surreal.sessions import Denied

#: Live queries of all clients together.
MOST_LIVES = 1000
#: Bytes of notifications that wait for a client which does not read them; then it is cut off.
MOST_WAITING = 4 * 2**20
#: Seconds between two looks at a feed, so that writes in quick succession are read together.
_REST = 0.005
_UUID, _UUID_TEXT, _TABLE = 37, 9, 7

#: Takes a message to a client. Does not block.
Notify = Callable[[bytes], None]


class Outlet:
    """The notifications on their way to one connection."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._sender: asyncio.Task[None] | None = None

    def push(self, message: bytes) -> None:
        """Send this as soon as the connection takes it; cut the connection off when too much waits already."""
        self._size += len(message)
        if self._size > MOST_WAITING:
            self._waiting.clear()
            self._connection.transport.abort()
            return
        self._waiting.append(message)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while self._waiting:
                message = self._waiting.popleft()
                await self._connection.send(message)
                self._size -= len(message)

    def close(self) -> None:
        """The connection has ended."""
        self._waiting.clear()
        if self._sender is not None:
            self._sender.cancel()


class _Watched:
    """A database with live queries, and the task that reads its feed."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.listeners: dict[str, dict[UUID, Notify]] = {}
        self._wake = asyncio.Event()
        self._reader = asyncio.get_running_loop().create_task(self._read())

    def wake(self) -> None:
        """Something was written, here or elsewhere."""
        self._wake.set()

    async def _read(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            with contextlib.suppress(EngineRefused, Denied):  # the next write looks again
                if self._page():
                    self._wake.set()
            await asyncio.sleep(_REST)

    def _page(self) -> bool:
        """Hand on the next changes; whether there were any."""
        changes = self.feed.page()
        for change in changes:
            for name, notify in list(self.listeners.get(change.table, {}).items()):
                notify(_told(name, change))
        return bool(changes)

    def add(self, table: str, name: UUID, notify: Notify) -> None:
        """Tell of each change in the table that is written from now on."""
        if table not in self.listeners:
            self.feed.add(table)
        while self._page():
            pass  # what was written before is for those who were there
        self.listeners.setdefault(table, {})[name] = notify

    def remove(self, table: str, name: UUID) -> None:
        """Tell no more. Raises EngineRefused when the feed cannot be taken away; it is read no more all the same."""
        del self.listeners[table][name]
        if self.listeners[table]:
            return
        del self.listeners[table]
        if not self.listeners:
            self._reader.cancel()
        self.feed.remove(table)

    def end(self) -> None:
        """Nobody has come to listen."""
        self._reader.cancel()
        self.feed.end()


class Lives:
    """The live queries of all clients of a gateway."""

    def __init__(self, engine: Engine, notes: Notes) -> None:
        self._engine = engine
        self._notes = notes
        self._databases: dict[bytes, _Watched] = {}
        self._where: dict[UUID, tuple[bytes, str]] = {}
        notes.clear(engine)

    def begin(self, place: bytes, params: list[bytes], notify: Notify) -> UUID:
        """Tell of each change in a table from now on. Raises Denied, EngineRefused, Malformed."""
        if not params:
            raise Denied("Invalid params: a table is wanted")
        if len(params) > 1 and params[1] == b"\xf5":
            raise Denied("Live queries tell of whole records here, not of differences")
        if len(self._where) >= MOST_LIVES:
            raise Denied(f"There are {MOST_LIVES} live queries already")
        table, name = _table(params[0]), uuid4()
        watched = self._databases.get(place) or _Watched(Feed(self._engine, place, self._notes))
        try:
            watched.add(table, name, notify)
        finally:
            if watched.listeners:
                self._databases[place] = watched
            else:
                watched.end()
        self._where[name] = (place, table)
        return name

    def end(self, name: UUID) -> None:
        """End a live query; nothing happens when it has ended. Raises EngineRefused."""
        if name in self._where:
            place, table = self._where.pop(name)
            watched = self._databases[place]
            try:
                watched.remove(table, name)
            finally:
                if not watched.listeners:
                    del self._databases[place]

    def wrote(self) -> None:
        """Something was written."""
        for watched in self._databases.values():
            watched.wake()

    def close(self) -> None:
        """End all of them."""
        for name in list(self._where):
            with contextlib.suppress(EngineRefused):  # the next gateway ends what this one could not
                self.end(name)


def packed(name: UUID) -> bytes:
    """The name of a live query as an item."""
    return b"\xd8\x25\x50" + name.bytes


def named(item: bytes) -> UUID:
    """The name of a live query in the item that a client has sent. Raises Denied."""
    try:
        if item[:1] and item[0] >> 5 == 6:
            tag, item = cbor.tagged(item)
            if tag == _UUID:
                return UUID(bytes=cbor.raw(item))
        return UUID(cbor.text(item))
    except ValueError as error:
        raise Denied("Invalid params: the name of a live query is wanted") from error


def _table(item: bytes) -> str:
    if item[:1] and item[0] >> 5 == 6:
        tag, inner = cbor.tagged(item)
        if tag == _TABLE:
            item = inner
    return cbor.text(item)


def _told(name: UUID, change: Change) -> bytes:
    told = {"id": packed(name), "action": change.action}
    return cbor.pack_map({"result": cbor.pack_map({**told, "record": change.record, "result": change.content})})
