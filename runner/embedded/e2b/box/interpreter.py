"""The code interpreter's server: port 49999 of a box, as `e2b_code_interpreter` calls it.

`POST /execute` answers with one JSON object a line while the code runs; `/contexts` makes, lists, restarts and removes
contexts. The server listens at once and starts the Python kernel then: the first execution waits for what is left.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from .http1 import Exchange, ProtocolError, connection
from .kernels.contexts import HOME, Context, Contexts, NoContext
from .kernels.kernel import KernelFailed
from .kernels.results import END, Line, error

PORT = 49999


class Interpreter:
    """Routes the server's requests."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts

    async def answer(self, exchange: Exchange) -> None:
        """Answer one request; one that goes wrong in a way nobody foresaw does not end the others."""
        raw = await exchange.body.read()
        try:
            await self._route(exchange, raw)
        except (ProtocolError, ConnectionError):
            raise
        except (NoContext, KernelFailed) as failure:
            await _text(exchange, 500, str(failure))
        except _Refused as refusal:
            await _text(exchange, refusal.status, str(refusal))
        except Exception as failure:  # noqa: BLE001 - the server serves all contexts
            if exchange.started:
                exchange.abort()
            else:
                await _text(exchange, 500, f"{type(failure).__name__}: {failure}")

    async def _route(self, exchange: Exchange, raw: bytes) -> None:
        words = [word for word in exchange.head.path.split("/") if word]
        method = exchange.head.method
        if (method, words) == ("GET", ["health"]):
            await exchange.json(200, "OK")
        elif (method, words) == ("POST", ["execute"]):
            await self._execute(exchange, _object(raw))
        elif (method, words) == ("POST", ["contexts"]):
            await self._create(exchange, _object(raw))
        elif (method, words) == ("GET", ["contexts"]):
            await exchange.json(200, [each.as_json() for each in self._contexts.all()])
        elif len(words) > 1 and words[0] == "contexts":
            await self._change(exchange, method, words[1], words[2:])
        else:
            raise _Refused(404, f"no such route: {method} {exchange.head.path}")

    async def _create(self, exchange: Exchange, body: dict[str, Any]) -> None:
        context = await self._contexts.create(_optional(body, "language"), _optional(body, "cwd") or HOME)
        await exchange.json(200, context.as_json())

    async def _change(self, exchange: Exchange, method: str, name: str, rest: list[str]) -> None:
        context = self._found(name)
        if (method, rest) == ("DELETE", []):
            await self._contexts.remove(context)
        elif (method, rest) == ("POST", ["restart"]):
            await context.restart()
        else:
            raise _Refused(405, f"{method} is not for {exchange.head.path}")
        await exchange.json(200, None)

    def _found(self, name: str) -> Context:
        context = self._contexts.get(name)
        if context is None:
            raise _Refused(404, f"Context {name} not found")
        return context

    async def _execute(self, exchange: Exchange, body: dict[str, Any]) -> None:
        code, name, language = body.get("code"), _optional(body, "context_id"), _optional(body, "language")
        env = body.get("env_vars") or {}
        if not isinstance(code, str) or not isinstance(env, dict):
            raise _Refused(422, "`code` must be a text, and `env_vars` a map")
        try:
            code.encode()
        except UnicodeEncodeError as failure:
            raise _Refused(422, f"`code` is no text: {failure.reason} at {failure.start}") from failure
        if name and language:
            raise _Refused(400, "Only one of context_id or language can be provided")
        context = self._found(name) if name else self._contexts.default(language)
        work = asyncio.ensure_future(_stream(exchange, context, code, {str(k): str(v) for k, v in env.items()}))
        gone = asyncio.ensure_future(exchange.reader.gone.wait())
        # A client that leaves, by its timeout above all, wants no more of the code to run.
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not work.done():
            work.cancel()
            exchange.abort()
            await asyncio.wait({work})
            return
        await work


async def _stream(exchange: Exchange, context: Context, code: str, env: dict[str, str]) -> None:
    await exchange.start(200, {"content-type": "application/x-ndjson"})
    lines = context.run(code, env)
    try:
        async for line in lines:
            await exchange.send(_encoded(line))
    except KernelFailed as failure:
        await exchange.send(_encoded(error("KernelFailed", str(failure), [])))
    finally:
        await lines.aclose()
    await exchange.send(_encoded(END))
    await exchange.finish()


def _encoded(line: Line) -> bytes:
    return json.dumps(line, default=str).encode() + b"\n"


async def _text(exchange: Exchange, status: int, message: str) -> None:
    await exchange.reply(status, message.encode(), {"content-type": "text/plain; charset=utf-8"})


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw or b"{}")
    except ValueError as failure:
        raise _Refused(422, f"the body is not JSON: {failure}") from failure
    if not isinstance(body, dict):
        raise _Refused(422, "the body is not a JSON object")
    return body


def _optional(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise _Refused(422, f"`{name}` must be a text")
    return value or None


async def _run(port: int) -> None:
    contexts = Contexts()
    server = Interpreter(contexts)
    listening = await asyncio.get_running_loop().create_server(lambda: connection(server.answer), "127.0.0.1", port)
    warming = asyncio.ensure_future(contexts.default("python").warm())
    warming.add_done_callback(lambda done: done.cancelled() or done.exception())  # the first execution tells it
    async with listening:
        await listening.serve_forever()


def main(port: int = PORT) -> None:
    """Serve until killed."""
    asyncio.run(_run(port))
