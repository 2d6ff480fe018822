"""Watching folders: WatchDir, CreateWatcher, GetWatcherEvents, RemoveWatcher of `filesystem.Filesystem`."""

from __future__ import annotations

import asyncio
import errno
import os
from collections import deque
from contextlib import suppress

from . import users
from .connect import CallError, Message, Stream, Streaming, Unary, deadline, keepalive, only_message
from .filesystem_rpc import entry, path_of
from .http1 import Exchange
from .inotify import Event, Overflow, Watch

#: Events that wait for their reader; then the kernel keeps as many again, and what comes after ends the watch.
_WAITING = 16_384
_SETTLE_SECONDS = 0.02
#: Events that go out before new ones are asked for.
_AT_ONCE = 256
#: Readings of one kernel queue before others have their turn.
_TURNS = 16


class _Watcher:
    """One watch and the events that nobody has fetched yet."""

    def __init__(self, watch: Watch, user: users.User, *, detailed: bool) -> None:
        """`detailed` events bring an EntryInfo of what they are about, if it is still there."""
        self._watch = watch
        self._user = user
        self._detailed = detailed
        self._events: deque[Message] = deque()
        self._error: CallError | None = None
        self._reading = False
        self.news = asyncio.Event()
        self._read_on()

    def close(self) -> None:
        """Watch no longer."""
        self._stop()
        self._watch.close()

    def take(self, most: int = _WAITING) -> list[Message]:
        """The events since the last time. Raises CallError when some are lost."""
        taken = [self._events.popleft() for _ in range(min(most, len(self._events)))]
        if not taken and self._error is not None:
            raise self._error
        if self._error is None:
            self._read_on()
        if not self._events and self._error is None:
            self.news.clear()
        return taken

    def read(self) -> None:
        """Take up what the kernel tells."""
        try:
            with users.working_as(self._user):
                self._events.extend(self._message(event) for event in self._watch.events())
        except Overflow:
            self._fail("more happened than could be noted; list the folder and watch again")
        except OSError as error:  # the kernel's limit of watches, reached by new folders
            self._fail(_sentence(self._watch.root, error))
        if self._events:
            self.news.set()
        if len(self._events) >= _WAITING:
            self._stop()
        if self._watch.unsettled:
            asyncio.get_running_loop().call_later(_SETTLE_SECONDS, self.settle)

    def settle(self) -> None:
        """Take up all that has happened by now."""
        for _ in range(_TURNS):
            before = len(self._events)
            if not self._reading:
                return
            self.read()
            if len(self._events) == before:
                return

    def _fail(self, sentence: str) -> None:
        self._error = CallError("internal", sentence)
        self._stop()
        self.news.set()

    def _read_on(self) -> None:
        if not self._reading:
            asyncio.get_running_loop().add_reader(self._watch.fd, self.read)
            self._reading = True

    def _stop(self) -> None:
        if self._reading:
            asyncio.get_running_loop().remove_reader(self._watch.fd)
            self._reading = False

    def _message(self, event: Event) -> Message:
        told: Message = {
            "name": os.path.relpath(event.path, self._watch.root),
            "type": f"EVENT_TYPE_{event.kind}",
        }
        if self._detailed:
            with suppress(OSError):
                told["entry"] = entry(event.path)
        return told


class WatchService:
    """One instance per box. `unary` and `streaming` map method names to what answers them."""

    def __init__(self) -> None:
        self._watchers: dict[str, _Watcher] = {}
        self._streamed: set[_Watcher] = set()
        self.unary: dict[str, Unary] = {
            "CreateWatcher": self._create,
            "GetWatcherEvents": self._events,
            "RemoveWatcher": self._remove,
        }
        self.streaming: dict[str, Streaming] = {"WatchDir": self._watch_dir}

    def settle(self) -> None:
        """Note all that has happened so far, so that a folder just made is watched before the next request."""
        for watcher in (*self._watchers.values(), *self._streamed):
            watcher.settle()

    async def _create(self, message: Message, exchange: Exchange) -> Message:
        name = f"w{os.urandom(10).hex()}"  # `secrets` would cost 10 ms of every start
        self._watchers[name] = await _begin(message, exchange)
        return {"watcherId": name}

    async def _events(self, message: Message, _exchange: Exchange) -> Message:
        return {"events": self._called(message).take()}

    async def _remove(self, message: Message, _exchange: Exchange) -> Message:
        self._called(message).close()
        del self._watchers[message["watcherId"]]
        return {}

    def _called(self, message: Message) -> _Watcher:
        name = message.get("watcherId")
        watcher = self._watchers.get(name) if isinstance(name, str) else None
        if watcher is None:
            raise CallError("not_found", f"watcher with id {name} not found")
        return watcher

    async def _watch_dir(self, exchange: Exchange) -> None:
        message = await only_message(exchange)
        seconds = deadline(exchange)
        watcher = await _begin(message, exchange)
        self._streamed.add(watcher)
        try:
            await _stream(exchange, watcher, seconds)
        finally:
            self._streamed.discard(watcher)
            watcher.close()


async def _begin(message: Message, exchange: Exchange) -> _Watcher:
    """Start watching what the message asks for. Raises CallError."""
    user = users.acting(exchange.head.get("authorization"))
    path = path_of(message, "path", user)
    recursive = message.get("recursive") is True

    def begin() -> Watch:
        with users.working_as(user):
            return Watch(path, recursive=recursive)

    try:
        watch = await asyncio.to_thread(begin)  # a great tree takes a while
    except FileNotFoundError as error:
        raise CallError("not_found", f"path {path} not found") from error
    except NotADirectoryError as error:
        raise CallError("invalid_argument", f"path {path} is not a directory") from error
    except PermissionError as error:
        raise CallError("permission_denied", f"permission denied: {path!r}") from error
    except OSError as error:
        raise CallError("internal", _sentence(path, error)) from error
    return _Watcher(watch, user, detailed=message.get("includeEntry") is True)


def _sentence(path: str, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EMFILE):
        return (
            f"path {path} cannot be watched: this machine allows no more (sysctl fs.inotify.max_user_watches,"
            " fs.inotify.max_user_instances); end other watches, or watch fewer folders"
        )
    return f"path {path} cannot be watched: {os.strerror(error.errno or 0)}"


async def _stream(exchange: Exchange, watcher: _Watcher, seconds: float | None) -> None:
    """Pass events on until the time is over or the client has gone."""
    stream = Stream(exchange)
    loop = asyncio.get_running_loop()
    until = None if seconds is None else loop.time() + seconds
    every = keepalive(exchange)
    gone = asyncio.ensure_future(exchange.reader.gone.wait())
    try:
        await stream.send({"start": {}})
        while not gone.done():
            news = asyncio.ensure_future(watcher.news.wait())
            wait = every if until is None else min(every, until - loop.time())
            await asyncio.wait({news, gone}, timeout=max(0.0, wait), return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
            if until is not None and loop.time() >= until:
                raise CallError("deadline_exceeded", f"the watch ran past its timeout of {seconds:g} s")
            taken = watcher.take(_AT_ONCE)
            for told in taken:
                await stream.send({"filesystem": told})
            if not taken and not gone.done():
                await stream.send({"keepalive": {}})
    finally:
        gone.cancel()
