"""Pages that show a container's servers in frames: the service worker, which answers without the tunnel, and what it
leaves to it; the client's preview script and errors of pages. By the genuine client, in a real browser.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runner.embedded.webcontainer.launch import Ticket, launch
from runner.embedded.webcontainer.serving import listen, serving
from runner.embedded.webcontainer.standing import settings_for

if TYPE_CHECKING:
    from playwright.async_api import Browser, Frame, Page

pytestmark = pytest.mark.integration

SERVER = r"""
const http = require("http");
const listening = (request, response) => {
  const { pathname } = new URL(request.url, "http://x");
  const seen = { method: request.method, url: request.url, headers: request.headers };
  if (pathname === "/stream") {
    response.write("first\n");
    request.on("close", () => undefined);
    response.on("close", () => console.log("they left"));
    return;
  }
  if (pathname === "/worker.js") {
    return response.writeHead(200, { "content-type": "text/javascript" }).end("postMessage('it runs');");
  }
  if (pathname === "/echo") return request.pipe(response);
  if (pathname === "/empty") return response.writeHead(204).end();
  if (pathname === "/away") return response.writeHead(302, { location: "/seen?from=away" }).end();
  if (pathname === "/broken") return request.socket.destroy();
  if (pathname === "/login/in") {
    return response.writeHead(200, { "set-cookie": "id=7; HttpOnly; Secure; SameSite=None; Partitioned" }).end("in");
  }
  if (pathname === "/brotli") {
    const body = Buffer.from("iwOAc3F1ZWV6ZWQD", "base64");
    return response.writeHead(200, { "content-encoding": "br", "content-type": "text/plain" }).end(body);
  }
  if (pathname.endsWith("/seen")) return response.setHeader("x-served", "yes").end(JSON.stringify(seen));
  response.setHeader("content-type", "text/html");
  response.end(`<!doctype html><html lang="en"><head><title>page ${pathname}</title></head></html>`);
};
for (const port of [3000, 3001, 3002, 3003, 3004]) http.createServer(listening).listen(port);
"""
#: The page's script, to be bundled: the genuine client as it is.
CLIENT = """
import { reloadPreview, WebContainer } from "@webcontainer/api";
Object.assign(globalThis, { WebContainer, reloadPreview });
"""
BOOT = """
async ([engine, options, server]) => {
  globalThis.WEBCONTAINER_API_IFRAME_URL = engine;
  globalThis.messages = [];
  globalThis.said = "";
  globalThis.box = await WebContainer.boot({ workdirName: "project", ...options });
  box.on("preview-message", (message) => messages.push(message));
  await box.fs.writeFile("server.js", server);
  let ready = 0;
  const serving = new Promise((resolve) => box.on("server-ready", () => (ready += 1) === 5 && resolve()));
  const { output } = await box.spawn("node", ["server.js"]);
  output.pipeTo(new WritableStream({ write: (text) => void (said += text) }));
  await serving;
}
"""
SHOW = """
async ([url, name]) => {
  const frame = document.createElement("iframe");
  frame.name = name;
  frame.src = url;
  const loaded = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
  document.body.append(frame);
  await loaded;
}
"""
CONTROLLED = """
async () => {
  const container = navigator.serviceWorker;
  if (container.controller === null) await new Promise((next) => container.addEventListener("controllerchange", next));
}
"""
ASK = "async ([url, options]) => { const answer = await fetch(url, options); return await answer.text(); }"


@pytest.fixture(scope="module")
def client(root: Path, tmp_path_factory: pytest.TempPathFactory, missing: Callable[[str], None]) -> str:
    """A script that gives a page the genuine client."""
    esbuild = root / "web" / "node_modules" / ".bin" / "esbuild"
    if not esbuild.is_file() or shutil.which("node") is None:
        missing("node and the packages of web/: make setup")
    made = subprocess.run(
        [str(esbuild), "--bundle", "--format=iife", "--log-level=warning", "--loader=js"],
        input=CLIENT, cwd=root / "web", capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    return made.stdout


@asynccontextmanager
async def somebody(script: str) -> AsyncIterator[str]:
    """An isolated page of somebody's own, with a script."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        fields = [(b"cross-origin-opener-policy", b"same-origin"), (b"cross-origin-embedder-policy", b"require-corp")]
        fields.append((b"content-type", b"text/html"))
        body = f"<!doctype html><body><script>{script.replace('</', '<' + chr(92) + '/')}</script>"
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": body.encode()})

    listener = listen(0)
    async with serving(app, listener):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


class Opened:
    """A page that has booted a container with the server above, and the servers of its engine, which `cut` ends."""

    def __init__(self, stack: AsyncExitStack, ticket: Ticket, page: Page) -> None:
        self._stack, self.ticket, self.page = stack, ticket, page

    async def cut(self) -> None:
        await self._stack.aclose()

    async def show(self, port: int, path: str = "/", name: str = "shown") -> Frame:
        await self.page.evaluate(SHOW, [f"{self.ticket.preview(port)}{path}", name])
        frame = self.page.frame(name)
        assert frame is not None
        return frame

    async def served(self, port: int, path: str = "/", name: str = "shown") -> Frame:
        """A frame whose requests the service worker takes."""
        frame = await self.show(port, path, name)
        await frame.evaluate(CONTROLLED)
        return frame


@asynccontextmanager
async def opened(browser: Browser, client: str, **options: object) -> AsyncIterator[Opened]:
    async with AsyncExitStack() as stack:
        servers = AsyncExitStack()
        stack.push_async_callback(servers.aclose)
        endpoint = await servers.enter_async_context(launch(settings_for(0, [])))
        ticket = endpoint.container()
        context = await browser.new_context()
        stack.push_async_callback(context.close)
        page = await context.new_page()
        await page.goto(await stack.enter_async_context(somebody(client)))
        await page.evaluate(BOOT, [f"{ticket.engine_origin}/", options, SERVER])
        yield Opened(servers, ticket, page)


@pytest.fixture(scope="module")
def shared(loop: asyncio.Runner, browser: Browser, client: str) -> Iterator[Opened]:
    opening = opened(browser, client)
    yield loop.run(opening.__aenter__())
    loop.run(opening.__aexit__(None, None, None))


def test_a_page_is_answered_without_the_tunnel(loop: asyncio.Runner, browser: Browser, client: str) -> None:
    from playwright.async_api import Error

    async def go() -> None:
        async with opened(browser, client) as page:
            frame = await page.served(3000)
            other = await page.served(3001, name="other")
            await other.evaluate("navigator.serviceWorker.getRegistration().then((worker) => worker.unregister())")
            await other.goto(f"{page.ticket.preview(3001)}/")
            await page.cut()
            seen = json.loads(await frame.evaluate(ASK, ["/seen?x=1", {"method": "POST", "body": "12345"}]))
            assert (seen["method"], seen["url"], seen["headers"]["content-length"]) == ("POST", "/seen?x=1", "5")
            # The same without a worker, so that nothing else can have answered.
            with pytest.raises(Error, match="Failed to fetch"):
                await other.evaluate(ASK, ["/seen", {}])

    loop.run(go())


def test_bodies_statuses_and_redirects_come_from_a_worker_as_from_the_server(
    loop: asyncio.Runner, shared: Opened
) -> None:
    ask = """
    async () => {
      const body = new Uint8Array(3_000_000).map((_, at) => at * 7);
      const echoed = new Uint8Array(await (await fetch("/echo", { method: "POST", body })).arrayBuffer());
      const head = await fetch("/seen", { method: "HEAD" });
      const away = await fetch("/away");
      const stopped = await fetch("/away", { redirect: "manual" });
      return {
        echoed: echoed.every((each, at) => each === body[at]) && echoed.length,
        head: [head.status, head.headers.get("x-served"), await head.text()],
        empty: (await fetch("/empty")).status,
        away: [away.redirected, new URL(away.url).pathname, (await away.json()).url],
        stopped: stopped.type,
        broken: [(await fetch("/broken")).status, await (await fetch("/broken")).text()],
        brotli: await (await fetch("/brotli")).text(),
      };
    }
    """

    async def go() -> None:
        frame = await shared.served(3001, "/", "statuses")
        assert await frame.evaluate(ask) == {
            "echoed": 3_000_000,
            "head": [200, "yes", ""],
            "empty": 204,
            "away": [True, "/seen", "/seen?from=away"],
            "stopped": "opaqueredirect",
            "broken": [502, "No answer: the server on port 3001 gave no answer that is HTTP: it hung up\n"],
            "brotli": "squeezed",  # what a worker cannot decode is asked for again, through the tunnel
        }
        await frame.evaluate("location.href = '/away'")
        await frame.wait_for_url("**/seen?from=away")

    loop.run(go())


#: Requests as pages make them; the server's answer is what it saw of each.
ASKED = """
async () => {
  const asked = {
    get: {}, noStore: { cache: "no-store" }, noCache: { cache: "no-cache" }, bare: { credentials: "omit" },
    unled: { referrerPolicy: "no-referrer" }, form: { method: "POST", body: new URLSearchParams("a=b") },
    empty: { method: "POST" }, remove: { method: "DELETE" }, put: { method: "PUT", body: new Uint8Array(3) },
    own: { headers: { accept: "text/x", "accept-language": "de", "x-own": "1" } },
    letters: { headers: { "x-own": "ä" } },
  };
  const seen = async ([name, options]) => [name, (await (await fetch("/seen", options)).json()).headers];
  return Object.fromEntries(await Promise.all(Object.entries(asked).map(seen)));
}
"""
#: Starts a Worker of the page's origin.
WORKER = """
() => new Promise((tell) => {
  const worker = new Worker("/worker.js");
  worker.onmessage = ({ data }) => tell(data);
  worker.onerror = () => tell("it does not start");
})
"""


def test_servers_see_the_same_requests_by_a_worker_as_by_the_tunnel(loop: asyncio.Runner, shared: Opened) -> None:
    """But for the codings that a worker can undo, and what a browser tells of cookies from elsewhere."""

    async def go() -> None:
        frame = await shared.served(3004, name="seen")
        by_worker, ran = await frame.evaluate(ASKED), await frame.evaluate(WORKER)
        await frame.evaluate("navigator.serviceWorker.getRegistration().then((worker) => worker.unregister())")
        await frame.goto(f"{shared.ticket.preview(3004)}/")
        by_tunnel = await frame.evaluate(ASKED)
        # What Chromium does not show to workers goes by the tunnel.
        assert {name for name, each in by_worker.items() if each.pop("accept-encoding") != "identity"} == {"letters"}
        assert "identity" not in {each.pop("accept-encoding") for each in by_tunnel.values()}
        for each in (*by_worker.values(), *by_tunnel.values()):
            each.pop("sec-fetch-storage-access", None)
        assert by_worker == by_tunnel
        assert [ran, await frame.evaluate(WORKER)] == ["it runs", "it runs"]

    loop.run(go())


def test_an_answer_streams_and_the_server_hears_who_leaves(loop: asyncio.Runner, shared: Opened) -> None:
    ask = """
    async () => {
      const leaving = new AbortController();
      const answer = await fetch("/stream", { signal: leaving.signal });
      const { value } = await answer.body.getReader().read();
      leaving.abort();
      return new TextDecoder().decode(value);
    }
    """

    async def go() -> None:
        frame = await shared.served(3000, name="streaming")
        assert await frame.evaluate(ask) == "first\n"
        await shared.page.wait_for_function("said.includes('they left')", timeout=10_000)

    loop.run(go())


def test_cookies_are_set_and_sent_though_a_worker_sees_none(loop: asyncio.Runner, shared: Opened) -> None:
    """Those that a server sets, for its scripts alone, at the path that has no name; and those of a page's script."""

    async def go() -> None:
        frame = await shared.served(3002, name="cookies")
        cookie = "; Secure; SameSite=None; Partitioned"
        await frame.evaluate(f"document.cookie = 'mine=1; Path=/deep{cookie}'")
        assert await cookie_of(frame, "/deep/seen") == "mine=1"
        assert await cookie_of(frame, "/seen") is None
        assert await frame.evaluate(ASK, ["/login/in", {}]) == "in"
        assert await cookie_of(frame, "/login/seen") == "id=7"
        assert await cookie_of(frame, "/seen") is None
        assert await frame.evaluate("document.cookie") == ""

    loop.run(go())


async def cookie_of(frame: Frame, path: str) -> object:
    """The cookies that the server got with a request of the page for that path."""
    return json.loads(await frame.evaluate(ASK, [f"{path}?seen", {}]))["headers"].get("cookie")


def test_a_worker_that_was_ended_serves_again(loop: asyncio.Runner, shared: Opened) -> None:
    """Browsers end workers that have nothing to do; what comes first then goes through the tunnel."""

    async def go() -> None:
        frame = await shared.served(3003, name="again")
        session = await shared.page.context.new_cdp_session(shared.page)
        await session.send("ServiceWorker.enable")
        await session.send("ServiceWorker.stopAllWorkers")
        encodings = []
        for _ in range(100):
            seen = json.loads(await frame.evaluate(ASK, ["/seen", {}]))
            encodings.append(seen["headers"]["accept-encoding"])
            if encodings[-1] == "identity":
                break
        assert encodings[0] != "identity"
        assert encodings[-1] == "identity"

    loop.run(go())


def test_workers_are_taken_away_with_their_container(loop: asyncio.Runner, browser: Browser, client: str) -> None:
    async def go() -> None:
        async with opened(browser, client) as page:
            frame = await page.served(3000)
            await page.page.evaluate("box.teardown()")
            left = """
            async () => {
              const all = () => navigator.serviceWorker.getRegistrations();
              while ((await all()).length > 0) await new Promise((next) => setTimeout(next, 20));
            }
            """
            await frame.evaluate(left)

    loop.run(go())


def test_the_client_s_script_and_errors_of_pages(loop: asyncio.Runner, browser: Browser, client: str) -> None:
    fail = """
    () => {
      setTimeout(() => { throw new RangeError("far"); });
      Promise.reject(new Error("no"));
      console.error("said", { a: 1 });
    }
    """

    async def go() -> None:
        async with opened(browser, client, forwardPreviewErrors=True) as page:
            await page.page.evaluate("box.setPreviewScript('globalThis.put = document.readyState')")
            frame = await page.show(3000, "/here?x=1")
            assert await frame.evaluate("[put, document.compatMode]") == ["loading", "CSS1Compat"]
            await frame.evaluate(fail)
            await page.page.wait_for_function("messages.length === 3", timeout=10_000)
            told = {each["type"]: each for each in await page.page.evaluate("messages")}
            thrown, rejected, said = (
                told[f"PREVIEW_{kind}"] for kind in ("UNCAUGHT_EXCEPTION", "UNHANDLED_REJECTION", "CONSOLE_ERROR")
            )
            assert (thrown["message"], rejected["message"], said["args"]) == ("far", "no", ["said", {"a": 1}])
            assert "RangeError: far" in thrown["stack"]
            assert {each["previewId"] for each in told.values()} == {thrown["previewId"]}
            assert [thrown[name] for name in ("port", "pathname", "search", "hash")] == [3000, "/here", "?x=1", ""]

    loop.run(go())
