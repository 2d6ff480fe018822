"""The gateway as a process: lock, engine, port, the private file; it lives until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from websockets import Subprotocol
from websockets.asyncio.server import serve

from runner.embedded.surreal import cbor, notice
from runner.embedded.surreal.engine import Engine
from runner.embedded.surreal.feeds import Notes
from runner.embedded.surreal.gateway import Gateway
from runner.embedded.surreal.lives import Lives
from runner.embedded.surreal.sessions import Doorkeeper
from runner.embedded.surreal.settings import Endpoint, Settings, from_json
from runner.errors import RunnerError, ServiceError, UsageError
from runner.store.embedded import EmbeddedEngine
from runner.store.lock import StoreLock
from runner.store.server import GATEWAY

#: The longest message that is taken, in bytes.
LONGEST = 64 * 2**20
_WAITING = 4
_USER, _PASSWORD = "RUNNER_STATE_USER", "RUNNER_STATE_PASSWORD"


async def run(settings: Settings, environ: Mapping[str, str], tell: Callable[[Endpoint], None]) -> None:
    """Serve until SIGTERM, SIGINT, SIGHUP, or with `settings.with_parent` until standard input ends.

    `tell` is called once the gateway serves. Raises StoreLocked, StoreError, ServiceError, UsageError.
    """
    loop = asyncio.get_running_loop()
    stop, alone = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if settings.with_parent:
        loop.add_reader(sys.stdin.fileno(), _watch_parent, alone if settings.linger else stop)
    os.environ["SURREAL_SYNC_DATA"] = "true"  # the engine reads it at its first write: each commit reaches the disk
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # a client that breaks off is no news
    with _held(settings) as engine, _listening(settings) as listener:
        endpoint = _endpoint(settings, environ, listener.getsockname()[1])
        shared = Engine(engine)
        lives = Lives(shared, Notes(settings.store))
        gateway = Gateway(shared, lives, Doorkeeper(endpoint.user, endpoint.password), _version(engine))
        async with serve(
            gateway.serve,
            sock=listener,
            origins=[None],  # a page of a browser has an origin, and nothing to seek here
            subprotocols=[Subprotocol("cbor")],
            process_request=gateway.admit,
            compression=None,
            max_size=LONGEST,
            max_queue=_WAITING,
            close_timeout=1,
        ):
            notice.write(settings.store, endpoint)
            try:
                tell(endpoint)
                await _over(stop, alone, gateway)
            finally:
                notice.remove(settings.store)
                lives.close()


async def _over(stop: asyncio.Event, alone: asyncio.Event, gateway: Gateway) -> None:
    """Wait for the end: when it is asked for, or when whoever started the gateway has gone, and all clients."""

    async def left() -> None:
        await alone.wait()
        await gateway.unused()

    ends = [asyncio.ensure_future(each) for each in (stop.wait(), left())]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in ends:
            each.cancel()


@contextmanager
def _held(settings: Settings) -> Iterator[EmbeddedEngine]:
    """The engine on the folder, with the store's lock."""
    store = settings.store
    lock = StoreLock(store.with_name(f"{store.name}.lock"), serving=True)
    lock.acquire()
    engine = EmbeddedEngine(store, lambda: False)
    try:
        engine.connect()
        yield engine
    finally:
        engine.close()
        lock.release()


def _version(engine: EmbeddedEngine) -> str:
    answer = engine.execute(cbor.pack_map({"id": cbor.pack_text("version"), "method": cbor.pack_text("version")}))
    return cbor.text(cbor.fields(answer)["result"]) + GATEWAY


def _endpoint(settings: Settings, environ: Mapping[str, str], port: int) -> Endpoint:
    """Where, and by which credentials: those of the environment, else those before, else new ones."""
    user, password = environ.get(_USER), environ.get(_PASSWORD)
    if bool(user) != bool(password):
        raise UsageError(f"of {_USER} and {_PASSWORD} only one is set", "Set both, or none to have them made.")
    before = notice.read(settings.store)
    if not user or not password:
        user, password = (before[0].user, before[0].password) if before else ("runner", secrets.token_urlsafe(32))
    return Endpoint(f"ws://127.0.0.1:{port}/rpc", user, password)


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    before = notice.read(settings.store)
    wished = int(before[0].url.rpartition(":")[2].partition("/")[0]) if before and not settings.port else settings.port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", wished))
        except OSError as error:
            if settings.port:
                reason = f"port {settings.port} on 127.0.0.1 cannot be had: {error.strerror}"
                raise ServiceError(reason, "use --port 0 for any free one") from error
            listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        listener.setblocking(False)
        yield listener


def _watch_parent(stop: asyncio.Event) -> None:
    with contextlib.suppress(OSError):
        if os.read(sys.stdin.fileno(), 64):
            return
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
    stop.set()


def main() -> int:
    """What `launch` starts. It tells on standard output where it serves, as JSON; an error as `error KIND` and two
    lines more.
    """

    def say(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    try:
        asyncio.run(run(from_json(sys.argv[1]), os.environ, lambda endpoint: say(endpoint.as_json() + "\n")))
    except RunnerError as error:
        say(f"error {type(error).__name__}\n{error.message}\n{error.hint}\n")
        return error.exit_code
    except OSError as error:
        say(f"error ServiceError\nthe gateway cannot be served: {error.strerror or error}\ncheck the folder's rights\n")
        return ServiceError.exit_code
    return 0
