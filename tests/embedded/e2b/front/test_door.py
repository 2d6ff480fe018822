"""The one port: what is spoken there is answered, and what is not is told so at once."""

from __future__ import annotations

import asyncio
import socket

from runner.embedded.e2b.box.http1 import Exchange
from runner.embedded.e2b.front.door import Door


async def _answer(exchange: Exchange) -> None:
    await exchange.json(200, {"path": exchange.head.path})


async def _ask(port: int, what: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(what)
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_who_speaks_tls_to_a_port_without_it_is_not_left_waiting() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            port = listener.getsockname()[1]
            serving = asyncio.create_task(Door(listener, _answer, None).serve())
            assert await _ask(port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") == b""
            asked = b"GET /plain HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            assert (await _ask(port, asked)).endswith(b'{"path":"/plain"}')
            serving.cancel()

    asyncio.run(main())
