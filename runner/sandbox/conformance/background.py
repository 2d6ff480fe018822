"""Checks of background processes and ports."""

from __future__ import annotations

import asyncio
import http.client
from urllib.parse import urlsplit

from runner.errors import CommandTimeout
from runner.run.ports import Box, Command
from runner.sandbox.conformance.check import NO_FAMILY, Check, expect, on_box, refused, same, sh
from runner.sandbox.conformance.commands import FAMILY, family_times_out, no_survivors, until_exists


async def _wait(box: Box) -> None:
    seen: list[str] = []
    process = await box.start(
        Command("echo out; echo err >&2; exit 5", timeout=None), lambda _, piece: seen.append(piece)
    )
    expect(process.pid > 0, "no process id")
    result = await process.wait()
    same((result.exit_code, result.stdout, result.stderr), (5, "out\n", "err\n"), "result")
    same(sorted(seen), ["err\n", "out\n"], "pieces")
    same(await process.wait(), result, "a second wait")


async def _dialogue(box: Box) -> None:
    arrived = asyncio.Event()
    process = await box.start(
        Command("echo ready; read -r word; echo got $word; cat", timeout=None), lambda _, piece: arrived.set()
    )
    await asyncio.wait_for(arrived.wait(), 30)
    await process.write(b"word\n")
    await process.write("grüße".encode())
    await process.close_stdin()
    same((await process.wait()).stdout, "ready\ngot word\ngrüße", "output")


async def _given_input(box: Box) -> None:
    process = await box.start(Command("cat", stdin=b"given", timeout=None))
    same((await process.wait()).stdout, "given")


async def _signal(box: Box) -> None:
    for name, code in (("SIGTERM", 143), ("SIGKILL", 137)):
        process = await box.start(Command("sleep 600", timeout=None))
        expect(await process.signal(name), "the process was said to have ended")  # type: ignore[arg-type]
        same((await process.wait()).exit_code, code, f"exit code after {name}")
        same(await process.signal(name), False, "a signal to a process that has ended")  # type: ignore[arg-type]


async def _signal_tree(box: Box) -> None:
    process = await box.start(Command(FAMILY, timeout=None))
    await until_exists(box, "ready")
    await process.signal("SIGKILL")
    await process.wait()
    await no_survivors(box)


async def _survives(box: Box) -> None:
    process = await box.start(Command("echo $$ > pid; while :; do sleep 0.1; date > beat; done", timeout=None))
    await until_exists(box, "beat")
    for _ in range(3):
        await sh(box, "rm -f beat")
        await until_exists(box, "beat")
    with refused(CommandTimeout):
        await box.run(Command("sleep 600", timeout=0.2))
    await sh(box, "kill -0 $(cat pid)")
    expect(await process.signal("SIGKILL"), "the process had ended")
    await process.wait()


async def _timeout(box: Box) -> None:
    async def run(seconds: float) -> None:
        process = await box.start(Command(FAMILY, timeout=seconds))
        await process.wait()

    await family_times_out(box, run)


async def _cancelled_wait(box: Box) -> None:
    process = await box.start(Command("read -r line; echo $line", timeout=None))
    waiting = asyncio.create_task(process.wait())
    await asyncio.sleep(0.1)
    waiting.cancel()
    await asyncio.wait([waiting])
    await process.write(b"still here\n")
    same((await process.wait()).stdout, "still here\n", "output after a cancelled wait")


#: A web server in whichever language the box has; both serve the folder `site` and say their port.
_NODE_SERVER = b"""
const { readFileSync } = require("node:fs");
const server = require("node:http").createServer((request, answer) => {
  try {
    answer.end(readFileSync("site" + request.url));
  } catch {
    answer.statusCode = 404;
    answer.end("absent");
  }
});
server.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port} `));
"""
_SERVE = "if command -v node > /dev/null; then node server.cjs; else cd site; exec python3 -u -m http.server 0; fi"


async def _port(box: Box) -> None:
    await box.write("site/index.html", b"<h1>from the box</h1>")
    await box.write("server.cjs", _NODE_SERVER)
    port, found = 0, asyncio.Event()
    text = ""

    def hear(_: str, piece: str) -> None:
        nonlocal text
        text += piece
        if "port " in text and text.endswith("\n"):
            found.set()

    server = await box.start(Command(_SERVE, timeout=None), hear)
    await asyncio.wait_for(found.wait(), 30)
    port = int(text.split("port ")[1].split()[0])
    url = await box.url(port)
    expect(not url.endswith("/"), "the URL ends with a slash")
    status, body = await asyncio.to_thread(fetch, f"{url}/index.html")
    same((status, body), (200, b"<h1>from the box</h1>"), "answer")
    status, _ = await asyncio.to_thread(fetch, f"{url}/absent")
    same(status, 404, "the server's own answer")
    await server.signal("SIGKILL")


def fetch(url: str) -> tuple[int, bytes]:
    """GET a URL with nothing but the standard library: no redirects, no proxies. As browsers do, and as RFC 6761 wants
    it, every name below `localhost` is this machine; Python asks the system, which may not know such names.
    """
    parts = urlsplit(url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    host = parts.hostname or ""
    connection = connect("127.0.0.1" if host.endswith(".localhost") else host, parts.port, timeout=20)
    try:
        query = f"?{parts.query}" if parts.query else ""
        connection.request("GET", f"{parts.path or '/'}{query}", headers={"Host": parts.netloc})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


BACKGROUND_CHECKS = (
    Check("background process", "Its output or exit code was lost.", on_box(_wait)),
    Check("dialogue", "Output came only at the end, so nobody could answer.", on_box(_dialogue)),
    Check("background with input", "Input was left open: the process never saw its end.", on_box(_given_input)),
    Check("signals", "A signal went to the shell only, or its outcome was unknown.", on_box(_signal)),
    Check("signal to the tree", "Killing a server left its workers on the port.", on_box(_signal_tree), NO_FAMILY),
    Check("background survives", "A background process was lost after the next command.", on_box(_survives)),
    Check("background timeout", "A background process ignored its timeout.", on_box(_timeout), NO_FAMILY),
    Check("cancelled wait", "Giving up waiting killed or lost the process.", on_box(_cancelled_wait)),
    Check("port", "A server in the box could not be reached by its URL.", on_box(_port)),
)
