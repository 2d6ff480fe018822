"""A server in a box, and previews in front of it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from runner.compiler.canonical import Json
from runner.errors import BoxGone
from runner.run.event import Event
from runner.run.live import LiveBox
from runner.web.preview.address import Place
from runner.web.preview.serve import Previews, serve

RUN = "20260131-120000-abcdef"


class App(BaseHTTPRequestHandler):
    """What a server in a box may do."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        act = getattr(self, f"_{path.strip('/').replace('/', '_')}", None)
        if act is None:
            self._echo(query)
        else:
            act(query)

    do_POST = do_PUT = do_DELETE = do_OPTIONS = do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def _echo(self, query: str) -> None:
        size = int(self.headers.get("content-length", "0"))
        body = self._chunks() if self.headers.get("transfer-encoding") else self.rfile.read(size)
        told = {"method": self.command, "path": self.path, "headers": self.headers.items(), "body": body.decode()}
        self._say(200, json.dumps(told).encode())

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _say(self, status: int, body: bytes, *fields: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("content-length", str(len(body))), *fields):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _moved(self, query: str) -> None:
        self._say(302, b"", ("location", query))

    def _cookies(self, query: str) -> None:
        self._say(200, b"", ("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2; Domain=localhost; Secure"))

    def _teapot(self, query: str) -> None:
        self._say(418, b"short and stout", ("x-odd", "yes"))

    def _down(self, query: str) -> None:
        self._say(502, b"my own bad gateway")

    def _stream(self, query: str) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for word in ("one", "two"):
            self.wfile.write(f"{len(word):x}\r\n{word}\r\n".encode())
            self.wfile.flush()
            self.server.go_on.wait(10)
        self.wfile.write(b"0\r\n\r\n")

    def _endless(self, query: str) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while not self.server.go_on.wait(0.02):
                self.wfile.write(b"tick\n")
        except OSError:
            self.server.left.set()
        self.close_connection = True

    def _broken(self, query: str) -> None:
        self.send_response(200)
        self.send_header("content-length", "100")
        self.end_headers()
        self.wfile.write(b"only this")
        self.close_connection = True

    def _rude(self, query: str) -> None:
        self.close_connection = True


@pytest.fixture
def app() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), App)
    server.go_on, server.left = threading.Event(), threading.Event()
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.go_on.set()
    server.shutdown()
    thread.join()
    server.server_close()


class ABox:
    """As much of a box as previews ask for. Its ports are those of this machine."""

    def __init__(self, id_: str, ports: frozenset[int], *, prefix: str = "", gone: bool = False) -> None:
        self.id = id_
        self.provider = "e2b"
        self.open_ports = ports
        self._prefix = prefix
        self._gone = gone
        self.asked = 0

    async def url(self, port: int) -> str:
        self.asked += 1
        if self._gone:
            raise BoxGone(f"the box {self.id} is gone")
        return f"http://127.0.0.1:{port}{self._prefix}"


class Bench:
    """Previews of one run, and a client before them."""

    def __init__(self, previews: Previews, port: int) -> None:
        self.previews = previews
        self.port = port
        self.told: list[tuple[str, Mapping[str, Json]]] = []
        jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # every test says for itself what it sends
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20, cookies=jar, trust_env=False)

    def hears(self, type_: str, run: str = RUN, **data: Json) -> None:
        self.previews.hear(Event(run, 1, "", type_, None, None, data, ""))

    def enter(self, *ports: int, box: str = "i1", run: str = RUN, **more: Any) -> LiveBox:
        made: Any = ABox(box, frozenset(ports), **more)
        live = LiveBox(run, "web", made, lambda type_, data: self.told.append((type_, data)))
        self.previews.live.enter(live)
        return live

    def host(self, port: int, run: str = RUN) -> str:
        return f"{port}--{run}.localhost:{self.port}"

    async def ask(self, port: int, path: str = "/", method: str = "GET", **more: Any) -> httpx.Response:
        headers = {"host": self.host(port, more.pop("run", RUN)), **more.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **more)


@asynccontextmanager
async def bench(token: str = "") -> AsyncIterator[Bench]:
    sentences: list[str] = []
    async with serve(Place("127.0.0.1", 0), token, sentences.append) as previews:
        made = Bench(previews, int(previews.address(1, RUN).rsplit(":", 1)[1].rstrip("/")))
        made.hears("run.created")
        try:
            yield made
        finally:
            await made.client.aclose()
    assert sentences == []


@pytest.fixture
def before() -> Callable[[Callable[[Bench], Any]], None]:
    """Run a coroutine function with a bench, without a token or with one."""

    def run(body: Callable[[Bench], Any], token: str = "") -> None:
        async def go() -> None:
            async with bench(token) as made:
                await body(made)

        asyncio.run(asyncio.wait_for(go(), 30))

    return run
