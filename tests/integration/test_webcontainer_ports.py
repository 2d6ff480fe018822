"""A container by the genuine client on the local engine, and what it has of our servers: the tunnel, previews, npm."""

from __future__ import annotations

import asyncio
import base64
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from runner.embedded.webcontainer.launch import Endpoint, Ticket, launch
from runner.embedded.webcontainer.settings import Policy

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = pytest.mark.integration

SERVER = r"""
const http = require("http");
http.createServer((request, response) => {
  if (request.url === "/stream") {
    response.writeHead(200, { "content-type": "text/plain" });
    const timer = setInterval(() => response.write("tick\n"), 20);
    response.on("close", () => { clearInterval(timer); console.log("they left"); });
    return;
  }
  if (request.url === "/large") {
    response.writeHead(200, { "content-length": 3000000 });
    response.end(Buffer.alloc(3000000, 120));
    return;
  }
  let size = 0;
  request.on("data", (data) => { size += data.length; });
  request.on("end", () => {
    response.setHeader("Set-Cookie", ["a=1; Path=/", "b=2"]);
    response.statusCode = request.url === "/teapot" ? 418 : 200;
    response.end(JSON.stringify({ method: request.method, url: request.url, cookie: request.headers.cookie, size }));
  });
}).listen(3000);
"""


class Served:
    """A container in which the server above listens; `said` is what its process printed, `ended` who has ended."""

    def __init__(self, endpoint: Endpoint, ticket: Ticket, page: Page) -> None:
        self.endpoint, self.ticket, self.page = endpoint, ticket, page
        self.said: asyncio.Queue[str] = asyncio.Queue()
        self.ended: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self.ready = asyncio.Event()

    async def emit(self, _source: Any, events: list[dict[str, Any]]) -> None:
        for event in events:
            if event["kind"] == "output":
                self.said.put_nowait(event["data"])
            if event["kind"] in ("server-ready", "exit"):
                self.ready.set()
            if event["kind"] == "exit":
                self.ended.put_nowait((event["id"], event["code"]))

    def client(self, port: int) -> httpx.AsyncClient:
        place, number = self.endpoint.engine_address
        host = self.ticket.preview(port).removeprefix("http://")
        return httpx.AsyncClient(
            base_url=f"http://{place}:{number}", headers={"Host": host}, trust_env=False, timeout=20
        )


@asynccontextmanager
async def started(browser: Browser) -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        endpoint = await stack.enter_async_context(launch())
        context = await browser.new_context()
        stack.push_async_callback(context.close)
        ticket = endpoint.container(Policy(network="*"))
        page = await context.new_page()
        served = Served(endpoint, ticket, page)
        await page.expose_binding("runnerEmit", served.emit)
        await page.goto(ticket.page_url)
        request = {"engine": ticket.engine_origin, "workdirName": "project", "timeoutMs": 15_000}
        await page.evaluate("(request) => runnerHost.boot(request)", request)
        text = base64.b64encode(SERVER.encode()).decode()
        await page.evaluate("(text) => runnerHost.writeFile('server.js', text)", text)
        await page.evaluate("() => runnerHost.spawn('server', { command: 'node', args: ['server.js'] })")
        await asyncio.wait_for(served.ready.wait(), 20)
        yield served


@pytest.fixture(scope="module")
def runner(loop: asyncio.Runner) -> asyncio.Runner:
    return loop


@pytest.fixture(scope="module")
def served(runner: asyncio.Runner, browser: Browser) -> Iterator[Served]:
    starting = started(browser)
    yield runner.run(starting.__aenter__())
    runner.run(starting.__aexit__(None, None, None))


def test_methods_bodies_cookies_and_statuses_are_the_server_s(runner: asyncio.Runner, served: Served) -> None:
    async def go() -> None:
        async with served.client(3000) as client:
            answer = await client.post("/x?y=1", content=b"z" * 1_000_000, headers={"Cookie": "s=1"})
            assert answer.json() == {"method": "POST", "url": "/x?y=1", "cookie": "s=1", "size": 1_000_000}
            assert answer.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2"]
            assert (await client.get("/teapot")).status_code == 418
            assert (await client.head("/")).content == b""
            assert len((await client.get("/large")).content) == 3_000_000

    runner.run(go())


def test_many_at_once_are_all_answered(runner: asyncio.Runner, served: Served) -> None:
    async def go() -> None:
        async with served.client(3000) as client:
            answers = await asyncio.gather(*(client.get(f"/{number}") for number in range(25)))
            assert [answer.json()["url"] for answer in answers] == [f"/{number}" for number in range(25)]

    runner.run(go())


def test_an_answer_comes_as_it_is_made_and_the_server_hears_who_leaves(runner: asyncio.Runner, served: Served) -> None:
    async def go() -> None:
        async with served.client(3000) as client, client.stream("GET", "/stream") as answer:
            lines = answer.aiter_lines()
            assert [await anext(lines) for _ in range(3)] == ["tick"] * 3
        assert await asyncio.wait_for(served.said.get(), 10) == "they left\n"

    runner.run(go())


def test_a_port_on_which_nobody_listens_is_told(runner: asyncio.Runner, served: Served) -> None:
    async def go() -> None:
        async with served.client(4000) as client:
            answer = await client.get("/")
            assert (answer.status_code, "no server listens on port 4000" in answer.text) == (502, True)

    runner.run(go())


def test_a_browser_shows_the_page_and_it_may_be_embedded_where_all_is_isolated(
    runner: asyncio.Runner, served: Served
) -> None:
    async def go() -> None:
        browser = served.page.context.browser
        assert browser is not None
        page = await browser.new_page()
        await page.goto(f"{served.ticket.preview(3000)}/seen")
        assert '"url":"/seen"' in await page.inner_text("body")
        await page.close()
        async with served.client(3000) as client:
            framed = await client.get("/", headers={"Sec-Fetch-Dest": "iframe"})
            assert framed.headers["cross-origin-embedder-policy"] == "credentialless"
            assert framed.headers["cross-origin-resource-policy"] == "cross-origin"

    runner.run(go())


def test_what_npm_installs_is_there_with_its_links_and_can_be_run(
    runner: asyncio.Runner, served: Served, missing: Callable[[str], None]
) -> None:
    if shutil.which("npm") is None:
        missing("npm is not installed: apt-get install npm")
    command = (
        "mkdir installed && cd installed && echo '{}' > package.json && npm install --silent semver@7.6.0"
        ' && node -p \'require("semver").inc("1.2.3", "minor")\' && node_modules/.bin/semver 2.0.0'
    )

    async def go() -> None:
        request = {"command": "bash", "args": ["-l", "-c", command]}
        await served.page.evaluate("(request) => runnerHost.spawn('npm', request)", request)
        ended = await asyncio.wait_for(served.ended.get(), 50)
        said = "".join(served.said.get_nowait() for _ in range(served.said.qsize()))
        if "network" in said:
            missing(f"npm cannot reach its registry: {said[-200:]}")
        assert (ended, said) == (("npm", 0), "1.3.0\n2.0.0\n")

    runner.run(go())
