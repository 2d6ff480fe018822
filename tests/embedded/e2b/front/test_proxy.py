"""The reverse proxy where a box has its hands full."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest

from runner.embedded.e2b.box.http1 import Exchange, connection
from runner.embedded.e2b.front import proxy


def _talk(boxes: object, raw: bytes) -> bytes:
    async def go() -> bytes:
        async def handle(exchange: Exchange) -> None:
            await proxy.forward(boxes, exchange, "ibox", 8000, proxy.Onward("/"))

        server = await asyncio.get_running_loop().create_server(lambda: connection(handle), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(raw)
        answer = await reader.read()
        writer.close()
        server.close()
        return answer

    return asyncio.run(go())


def test_a_box_has_only_so_many_requests_under_way() -> None:
    box = SimpleNamespace(id="ibox", paused_at=None, requests=proxy.LIMIT)
    boxes = SimpleNamespace(get=lambda name: box, why=lambda name: "")
    answer = _talk(boxes, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
    assert answer.startswith(b"HTTP/1.1 429 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == 429
    assert box.requests == proxy.LIMIT


@pytest.mark.parametrize("box", [None, SimpleNamespace(paused_at=1.0)])
def test_a_box_that_does_not_run_is_not_found(box: object) -> None:
    boxes = SimpleNamespace(get=lambda name: box, why=lambda name: ": so it is")
    answer = _talk(boxes, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"The sandbox ibox was not found: so it is" in answer
