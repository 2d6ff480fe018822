"""The edge as a process: walls, state folder, port; tells where it is and lives until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from runner.embedded.e2b import faults, keys
from runner.embedded.e2b.box.http1 import connection
from runner.embedded.e2b.boxes import Boxes
from runner.embedded.e2b.control import gate
from runner.embedded.e2b.control.faults import FaultRoute
from runner.embedded.e2b.control.plane import ControlPlane
from runner.embedded.e2b.edge import Edge
from runner.embedded.e2b.kept import Kept
from runner.embedded.e2b.launch import Endpoint
from runner.embedded.e2b.life import Life
from runner.embedded.e2b.settings import Settings, from_json
from runner.embedded.e2b.state import KeptFolder, StateFolder
from runner.embedded.e2b.striking import Striker
from runner.embedded.e2b.templates import Templates
from runner.embedded.e2b.walls import raise_walls
from runner.errors import RunnerError, ServiceError


async def run(settings: Settings, tell: Callable[[Endpoint], None]) -> None:
    """Serve until SIGTERM, SIGINT, or with `settings.with_parent` until standard input ends. Raises ServiceError,
    UsageError.

    `tell` is called once the endpoint serves.
    """
    plan = gate.choose(settings.plan, settings.quota, settings.rate)
    rules = tuple(faults.parse(text) for text in settings.faults)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if settings.with_parent:
        loop.add_reader(sys.stdin.fileno(), _watch_parent, stop)
    os.umask(0o022)  # what is made for boxes is for their users to read
    # Every box and every connection takes descriptors.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    base = None if settings.folder is None else Path(settings.folder)
    with StateFolder(base) as folder, KeptFolder(base if base and settings.keep else folder.path) as kept:
        boxes = Boxes(raise_walls(folder.path), folder.path / "boxes")
        life = Life(boxes, Kept(kept.path, durable=settings.keep), kept.key("token"))
        listener = _listen(settings.port)
        port = listener.getsockname()[1]
        known = keys.Keys()
        url, key, admin_key = f"http://127.0.0.1:{port}", known.make("first"), secrets.token_hex(20)
        edge = _edge(boxes, life, gate.Gate(plan, known, boxes.running), rules, admin_key, f"localhost:{port}")
        server = await loop.create_server(lambda: connection(edge.answer), sock=listener, backlog=512)
        try:
            tell(Endpoint(url, url, key, admin_key))
            await stop.wait()
        finally:
            server.close()
            await life.close()


def _edge(boxes: Boxes, life: Life, entry: gate.Gate, rules: tuple[faults.Rule, ...], admin_key: str, domain: str) -> Edge:
    made = faults.Faults()
    striker = Striker(made, boxes.kill)
    striker.replace(rules)
    return Edge(boxes, ControlPlane(boxes, life, Templates(), entry, domain), striker, FaultRoute(admin_key, made, striker))


def _listen(port: int) -> socket.socket:
    # The protocol is named, or else asyncio leaves Nagle's algorithm on and every stream waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise ServiceError(
            f"port {port} on 127.0.0.1 cannot be had: {error.strerror}", "use --port 0 for any free one"
        ) from error
    listener.setblocking(False)
    return listener


def _watch_parent(stop: asyncio.Event) -> None:
    with contextlib.suppress(OSError):
        if os.read(sys.stdin.fileno(), 64):
            return
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
    stop.set()


def main() -> int:
    """`python -m runner.embedded.e2b SETTINGS`: what `launch` starts. It tells on standard output where it serves, as
    JSON; an error as `error KIND` and two lines more.
    """
    parser = argparse.ArgumentParser(prog="python -m runner.embedded.e2b", description=__doc__)
    parser.add_argument("settings", nargs="?", default="{}", help="runner.embedded.e2b.settings as JSON")
    settings = from_json(parser.parse_args().settings)

    def say(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    try:
        asyncio.run(run(settings, lambda endpoint: say(endpoint.as_json() + "\n")))
    except RunnerError as error:
        say(f"error {type(error).__name__}\n{error.message}\n{error.hint}\n")
        return error.exit_code
    return 0
