"""The edge as a process: walls, state folder, port; tells where it is and lives until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from runner.embedded.e2b.boxes.boxes import Boxes
from runner.embedded.e2b.boxes.kept import Kept
from runner.embedded.e2b.boxes.life import Life
from runner.embedded.e2b.control import gate
from runner.embedded.e2b.control.faults import FaultRoute
from runner.embedded.e2b.control.holdings import Holdings, open_holdings
from runner.embedded.e2b.control.plane import ControlPlane
from runner.embedded.e2b.edge import Edge
from runner.embedded.e2b.egress.egress import Egress
from runner.embedded.e2b.egress.interception import TRUSTED, Interceptor
from runner.embedded.e2b.folders import keys
from runner.embedded.e2b.folders.state import KeptFolder, StateFolder, clear_old
from runner.embedded.e2b.front import faults
from runner.embedded.e2b.front.certificates import DOMAIN, Authority
from runner.embedded.e2b.front.door import Door
from runner.embedded.e2b.front.striking import Striker
from runner.embedded.e2b.launch import Endpoint
from runner.embedded.e2b.settings import Settings, from_json
from runner.embedded.e2b.setup.catalog import templates as set_up
from runner.embedded.e2b.templates import BASE, Templates
from runner.embedded.e2b.walls.bubblewrap import TOOLS
from runner.embedded.e2b.walls.walls import raise_walls
from runner.errors import RunnerError, ServiceError

#: Seconds after which boxes that nobody has come back for are removed.
_REST = 14 * 86_400.0


async def run(settings: Settings, tell: Callable[[Endpoint], None]) -> None:
    """Serve until SIGTERM, SIGINT, or with `settings.with_parent` until standard input ends. Raises ServiceError,
    UsageError.

    `tell` is called once the endpoint serves.
    """
    plan = gate.choose(settings.plan, settings.quota, settings.rate)
    rules = tuple(faults.parse(text) for text in settings.faults)
    stop, alone = _told_to_end(settings)
    _settle()
    base = None if settings.folder is None else Path(settings.folder)
    with StateFolder(base, spare=settings.keep) as folder, _kept(settings, folder.path) as (kept, lasting):
        boxes = Boxes(walls := raise_walls(folder.path), folder.path / "boxes")
        life = await _life(settings, boxes, kept, folder, lasting=lasting)
        listener = _listen(settings.port)
        endpoint, authority, known = _endpoint(settings, folder.path, listener.getsockname()[1])
        entry = gate.Gate(plan, known, boxes.running)
        holdings = open_holdings(kept.path, boxes, life, Templates((BASE, *set_up())))
        egress = _egress(settings, folder.path, holdings)
        boxes.outward = egress if settings.egress else None
        edge = _edge(boxes, life, holdings, entry, rules, endpoint)
        serving = asyncio.get_running_loop().create_task(Door(listener, edge.answer, authority).serve())
        try:
            try:
                tell(replace(endpoint, why=walls.why))
            except BrokenPipeError:  # who started it has died meanwhile: what it had is to rest as ever
                alone.set()
                return
            await stop.wait()
        finally:
            serving.cancel()
            await holdings.builder.close()
            await life.close(rest=settings.keep or alone.is_set())
            await egress.close()
            await _cleared(settings, kept, life, lasting)


async def _cleared(settings: Settings, kept: KeptFolder, life: Life, lasting: bool) -> None:
    """Remove a folder to rest in, in which nothing rests."""
    if settings.rest is not None and lasting and not life.keeps:
        await asyncio.to_thread(kept.clear)


def _told_to_end(settings: Settings) -> tuple[asyncio.Event, asyncio.Event]:
    """Set when the endpoint is to end; and when it is because its parent has died."""
    loop = asyncio.get_running_loop()
    stop, alone = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if settings.with_parent:
        loop.add_reader(sys.stdin.fileno(), _watch_parent, stop, alone)
    return stop, alone


@contextlib.contextmanager
def _kept(settings: Settings, own: Path) -> Iterator[tuple[KeptFolder, bool]]:
    """The folder of what is kept, and whether it stays after the endpoint's end. Raises ServiceError."""
    with contextlib.ExitStack() as stack:
        if (rest := _resting(settings, stack)) is not None:
            yield rest, True
            return
        place = Path(settings.folder) if settings.keep and settings.folder is not None else None
        yield stack.enter_context(KeptFolder(place or own)), place is not None


def _resting(settings: Settings, stack: contextlib.ExitStack) -> KeptFolder | None:
    """The folder in which boxes rest; None where there is none, or another endpoint has it."""
    if settings.rest is None:
        return None
    try:
        return stack.enter_context(KeptFolder(Path(settings.rest), settings.patience))
    except ServiceError:
        return None


async def _life(settings: Settings, boxes: Boxes, kept: KeptFolder, folder: StateFolder, *, lasting: bool) -> Life:
    """All boxes, those that a dead edge has left too. Raises ServiceError when the index cannot be read, OSError."""
    key = kept.key("index") if lasting else b""
    life = Life(boxes, Kept(kept.path, key), kept.key("token"), folder.dead() if settings.keep else ())
    await life.rescue()
    folder.clear_dead()
    if settings.rest is not None:
        await life.forget_before(time.time() - _REST)
        await asyncio.to_thread(clear_old, Path(settings.rest).parent, time.time() - _REST)
    return life


def _settle() -> None:
    os.umask(0o022)  # what is made for boxes is for their users to read
    # Every box and every connection takes descriptors.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def _endpoint(settings: Settings, folder: Path, port: int) -> tuple[Endpoint, Authority | None, keys.Keys]:
    """Where it serves, by what certificates, and for which keys. A kept endpoint's keys are known at the next start,
    but cannot be shown again. Raises SandboxMissing, ServiceError.
    """
    place = Path(settings.folder) if settings.keep and settings.folder is not None else None
    known = keys.Keys() if place is None else keys.load(place / keys.FILE)
    key = "" if known.records else known.make("first")
    if key and place is not None:
        known.save(place / keys.FILE)
    authority = Authority((place or folder) / "tls", keep=place is not None) if settings.tls else None
    url = f"http://127.0.0.1:{port}"
    domain, bundle = (f"localhost:{port}", "") if authority is None else (f"{DOMAIN}:{port}", str(authority.bundle))
    return Endpoint(url, url, key, secrets.token_hex(20), domain, bundle), authority, known


def _egress(settings: Settings, folder: Path, holdings: Holdings) -> Egress:
    interceptor = Interceptor(folder / "tools" / TRUSTED, f"{TOOLS}/{TRUSTED}", holdings.vault.fill)
    return Egress(private=settings.allow_private, interceptor=interceptor)


def _edge(
    boxes: Boxes,
    life: Life,
    holdings: Holdings,
    entry: gate.Gate,
    rules: tuple[faults.Rule, ...],
    endpoint: Endpoint,
) -> Edge:
    made = faults.Faults()
    striker = Striker(made, boxes.kill)
    striker.replace(rules)
    return Edge(
        boxes,
        ControlPlane(boxes, life, holdings, entry, endpoint.domain),
        striker,
        FaultRoute(endpoint.admin_key, made, striker),
    )


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise ServiceError(
            f"port {port} on 127.0.0.1 cannot be had: {error.strerror}", "use --port 0 for any free one"
        ) from error
    listener.setblocking(False)
    return listener


def _watch_parent(stop: asyncio.Event, alone: asyncio.Event) -> None:
    """Standard input has something: a word says that the end is meant, its end alone that the parent died."""
    with contextlib.suppress(OSError):
        if os.read(sys.stdin.fileno(), 64):
            stop.set()
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
    if not stop.is_set():
        alone.set()
    stop.set()


def main() -> int:
    """`python -m runner.embedded.e2b SETTINGS`: what `launch` starts. It tells on standard output where it serves, as
    JSON; an error as `error KIND` and two lines more.
    """
    settings = from_json(sys.argv[1] if len(sys.argv) > 1 else "{}")

    def say(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    try:
        asyncio.run(run(settings, lambda endpoint: say(endpoint.as_json() + "\n")))
    except RunnerError as error:
        say(f"error {type(error).__name__}\n{error.message}\n{error.hint}\n")
        return error.exit_code
    except OSError as error:
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        reason = f"the endpoint cannot be served: {where}{error.strerror or error}"
        say(f"error {ServiceError.__name__}\n{reason}\ncheck the path, its rights and the free space\n")
        return ServiceError.exit_code
    return 0
