"""The edge among bad company: odd, broken, greedy and idle clients, byte by byte."""

from __future__ import annotations

import re
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest
from e2b import Sandbox

from runner.embedded.e2b.launch import Endpoint

pytestmark = pytest.mark.integration
_SHOW = """
import http.server as h
class H(h.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200); self.send_header("Transfer-Encoding", "chunked"); self.end_headers()
        for piece in (b"one ", b"two"):
            self.wfile.write(b"%x\\r\\n%b\\r\\n" % (len(piece), piece))
        self.wfile.write(b"0\\r\\n\\r\\n")
    def do_POST(self):
        size = self.headers.get("Content-Length")
        body = self.rfile.read(int(size)) if size else b"chunked"
        said = (self.path + " " + body.decode() + " " + str(self.headers.get("X-Hop"))).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(said))); self.end_headers()
        self.wfile.write(said)
    def do_HEAD(self):
        self.send_response(200); self.send_header("Content-Length", "12345"); self.end_headers()
    def log_message(self, *_): pass
s = h.ThreadingHTTPServer(("127.0.0.1", 9005), H); print("up", flush=True); s.serve_forever()
"""


@pytest.fixture
def served(embedded_e2b: Endpoint) -> Iterator[str]:
    """The path of a web server in a box."""
    where = embedded_e2b
    with Sandbox.create(timeout=60, api_url=where.api_url, sandbox_url=where.sandbox_url, api_key=where.api_key) as box:
        box.files.write("show.py", _SHOW)
        running = box.commands.run("python3 show.py", background=True, timeout=0)
        next(iter(running))
        yield urlsplit(where.url(box.sandbox_id, 9005)).path


def _connect(endpoint: Endpoint) -> socket.socket:
    parts = urlsplit(endpoint.api_url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20)


def _talk(endpoint: Endpoint, raw: bytes) -> bytes:
    """Send bytes, and give all that comes back until the edge ends the connection."""
    with _connect(endpoint) as plug:
        plug.sendall(raw)
        answer = b""
        while piece := plug.recv(65536):
            answer += piece
    return answer


def _statuses(answer: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Content-Length: +4\r\n",
        b"Content-Length: 4\x0b\r\n",
        b"Content-Length : 4\r\n",
        b"Host: other\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_heard(
    embedded_e2b: Endpoint, fields: bytes
) -> None:
    hidden = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    raw = b"POST /v2/sandboxes HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n0\r\n\r\n" + hidden
    assert _statuses(_talk(embedded_e2b, raw)) == [b"400"]


def test_heads_and_bodies_have_their_limits(embedded_e2b: Endpoint) -> None:
    long = b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"
    assert _statuses(_talk(embedded_e2b, long)) == [b"431"]
    key = f"X-API-Key: {embedded_e2b.api_key}\r\n".encode()
    big = b"POST /v2/sandboxes HTTP/1.1\r\nHost: x\r\n" + key + b"Content-Length: 2000000\r\n\r\n" + b" " * 2_000_000
    with _connect(embedded_e2b) as plug:
        plug.sendall(big[:1_200_000])
        assert plug.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_requests_in_a_row_are_answered_in_their_order(embedded_e2b: Endpoint) -> None:
    one = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    two = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert _statuses(_talk(embedded_e2b, one + two + one + last)) == [b"200", b"404", b"200", b"200"]


def test_an_old_client_gets_a_body_that_ends_with_its_connection(embedded_e2b: Endpoint, served: str) -> None:
    answer = _talk(embedded_e2b, f"GET {served}/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert body == b"one two"
    answer = _talk(embedded_e2b, f"GET {served}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert b"transfer-encoding: chunked" in answer.lower()
    assert answer.endswith(b"0\r\n\r\n")


def test_a_head_request_has_no_body(embedded_e2b: Endpoint, served: str) -> None:
    answer = _talk(embedded_e2b, f"HEAD {served}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert b"Content-Length: 12345" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_a_client_that_waits_for_leave_gets_it(embedded_e2b: Endpoint, served: str) -> None:
    with _connect(embedded_e2b) as plug:
        plug.sendall(
            f"POST {served}/p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
            "X-Hop: 1\r\nConnection: close, X-Hop, Content-Length\r\n\r\n".encode()
        )
        assert plug.recv(65536).startswith(b"HTTP/1.1 100 ")
        plug.sendall(b"hello")
        answer = b""
        while piece := plug.recv(65536):
            answer += piece
    assert answer.endswith(b"/p hello None"), "fields of this hop stay here, and the body's length does not"


def test_a_thousand_idle_connections_are_in_nobodys_way(embedded_e2b: Endpoint, served: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    try:
        with ExitStack() as stack:
            plugs = [stack.enter_context(_connect(embedded_e2b)) for _ in range(1000)]
            for plug in plugs[::2]:
                plug.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert all(plug.recv(65536).startswith(b"HTTP/1.1 200 ") for plug in plugs[::2])
            answer = _talk(embedded_e2b, f"GET {served}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            assert _statuses(answer) == [b"200"]
            plugs[999].sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert plugs[999].recv(65536).startswith(b"HTTP/1.1 200 ")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_pages_of_other_origins_may_use_the_api_and_agents_with_a_key(embedded_e2b: Endpoint, served: str) -> None:
    url, origin = embedded_e2b.api_url, {"Origin": "https://page.example"}
    asks = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    agent = f"{url}{served.rpartition('/')[0]}/49983/files"
    for place in (f"{url}/v2/sandboxes", agent):
        leave = httpx.options(place, headers=asks)
        assert leave.status_code == 204
        assert leave.headers["access-control-allow-origin"] == "*"
        assert leave.headers["access-control-allow-headers"] == "x-api-key"
        refused = httpx.get(place, headers=origin)
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "*"
    found = httpx.get(f"{url}/v2/sandboxes", headers={**origin, "X-API-Key": embedded_e2b.api_key})
    assert found.status_code == 200
    assert "access-control-allow-origin" in found.headers
    theirs = httpx.get(f"{url}{served}/", headers=origin)
    assert theirs.status_code == 200
    assert "access-control-allow-origin" not in theirs.headers, "a server in a box decides for itself"
