"""The embedded endpoint's wire below the SDK: keepalives, broken streams, tunnels, garbage."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from e2b import Sandbox

from runner.embedded.e2b.box.connect import envelope
from runner.embedded.e2b.launch import Endpoint

pytestmark = pytest.mark.integration


@pytest.fixture
def box(embedded_e2b: Endpoint) -> Iterator[Sandbox]:
    where = embedded_e2b
    made = Sandbox.create(timeout=60, api_url=where.api_url, sandbox_url=where.sandbox_url, api_key=where.api_key)
    yield made
    made.kill()


def _headers(box: Sandbox, **more: str) -> dict[str, str]:
    token = box._envd_access_token
    assert token is not None
    return {"E2b-Sandbox-Id": box.sandbox_id, "E2b-Sandbox-Port": "49983", "X-Access-Token": token, **more}


def _messages(raw: bytes) -> list[dict[str, Any]]:
    found = []
    while raw:
        size = int.from_bytes(raw[1:5], "big")
        found.append(json.loads(raw[5 : 5 + size]))
        raw = raw[5 + size :]
    return found


def _start(box: Sandbox, command: str, **headers: str) -> httpx.Request:
    body = envelope({"process": {"cmd": "/bin/bash", "args": ["-l", "-c", command]}, "stdin": False})
    kind = {"Content-Type": "application/connect+json", **headers}
    url = f"{box.envd_api_url}/process.Process/Start"
    return httpx.Request("POST", url, headers=_headers(box, **kind), content=body)


def test_a_quiet_command_sends_keepalives(box: Sandbox) -> None:
    with httpx.Client(timeout=20) as client:
        answer = client.send(_start(box, "sleep 2.3", **{"Keepalive-Ping-Interval": "1"}))
    kinds = [next(iter(message["event"])) for message in _messages(answer.content)[:-1]]
    assert kinds == ["start", "keepalive", "keepalive", "end"]
    assert _messages(answer.content)[-1] == {}


def test_a_deadline_ends_the_stream_with_its_code(box: Sandbox) -> None:
    with httpx.Client(timeout=20) as client:
        answer = client.send(_start(box, "sleep 30", **{"Connect-Timeout-Ms": "300"}))
        assert _messages(answer.content)[-1]["error"]["code"] == "deadline_exceeded"
        answer = client.send(_start(box, "true", **{"Connect-Timeout-Ms": "soon"}))
        assert _messages(answer.content)[-1]["error"]["code"] == "invalid_argument"


def test_a_stream_of_a_dead_box_has_no_end(box: Sandbox) -> None:
    with httpx.Client(timeout=20) as client:
        answer = client.send(_start(box, "sleep 30"), stream=True)
        pieces = answer.iter_raw()
        assert b"start" in next(pieces)
        box.kill()
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            list(pieces)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"process": 7}', b'{"process": {"pid": "x"}}', b"\xff\xfe"])
@pytest.mark.parametrize("method", ["process.Process/SendSignal", "filesystem.Filesystem/GetWatcherEvents"])
def test_a_bad_message_gets_a_code(box: Sandbox, method: str, content: bytes) -> None:
    headers = _headers(box, **{"Content-Type": "application/json"})
    answer = httpx.post(f"{box.envd_api_url}/{method}", headers=headers, content=content)
    assert answer.status_code in (400, 404)
    assert answer.json()["code"] in ("invalid_argument", "not_found")


def test_garbage_does_not_end_the_endpoint(embedded_e2b: Endpoint, box: Sandbox) -> None:
    parts = urlsplit(embedded_e2b.api_url)
    assert parts.hostname is not None
    chance = random.Random(3)
    good = b"POST /sandboxes HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    for _ in range(200):
        raw = bytearray(good)
        for _ in range(chance.randrange(1, 8)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as connected:
            connected.sendall(bytes(raw))
            connected.shutdown(socket.SHUT_WR)
            while connected.recv(65536):
                pass
    assert box.commands.run("echo fine").stdout == "fine\n"


def test_an_upload_that_breaks_off_harms_nobody(embedded_e2b: Endpoint, box: Sandbox) -> None:
    parts = urlsplit(embedded_e2b.api_url)
    fields = "".join(f"{key}: {value}\r\n" for key, value in _headers(box).items())
    head = f"POST /files?path=part HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n{fields}\r\n"
    with socket.create_connection((parts.hostname or "", parts.port), timeout=10) as connected:
        connected.sendall(head.encode() + b"x" * 1000)
    assert box.commands.run("echo fine").stdout == "fine\n"


_UPGRADE = """
import socket
server = socket.create_server(("127.0.0.1", 9000))
print("up", flush=True)
connected, _ = server.accept()
head = b""
while not head.endswith(b"\\r\\n\\r\\n"):
    head += connected.recv(1)
connected.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\n")
while piece := connected.recv(100):
    connected.sendall(piece.upper())
"""


def test_an_upgraded_connection_is_a_tunnel(embedded_e2b: Endpoint, box: Sandbox) -> None:
    box.files.write("server.py", _UPGRADE)
    running = box.commands.run("python3 server.py", background=True, timeout=0)
    next(iter(running))
    parts = urlsplit(embedded_e2b.url(box.sandbox_id, 9000))
    with socket.create_connection((parts.hostname or "", parts.port), timeout=10) as connected:
        head = f"GET {parts.path}/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
        connected.sendall(head.encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += connected.recv(1)
        assert answer.startswith(b"HTTP/1.1 101")
        for word in (b"one", b"two"):
            connected.sendall(word)
            assert connected.recv(100) == word.upper()


def test_no_secret_reaches_a_server_in_a_box(embedded_e2b: Endpoint, box: Sandbox) -> None:
    box.files.write(
        "show.py",
        "import http.server as h\n"
        "class H(h.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        body = str(self.headers).encode()\n"
        "        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers()\n"
        "        self.wfile.write(body)\n"
        "s = h.HTTPServer(('127.0.0.1', 9001), H); print('up', flush=True); s.serve_forever()\n",
    )
    running = box.commands.run("python3 show.py", background=True, timeout=0)
    next(iter(running))
    headers = {**_headers(box, **{"X-API-KEY": embedded_e2b.api_key, "X-Mine": "kept"}), "E2b-Sandbox-Port": "9001"}
    seen = httpx.get(embedded_e2b.sandbox_url, headers=headers).text
    assert "X-Mine: kept" in seen
    assert embedded_e2b.api_key not in seen
    assert (box._envd_access_token or "?") not in seen
