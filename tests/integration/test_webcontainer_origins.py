"""What a real Chromium makes of the servers' headers: isolation, walls between origins, the network of a container.

The pages here are of this test's: each engine runs a line of its own in its document and in a worker, as programs do.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runner.embedded.webcontainer import pages
from runner.embedded.webcontainer.launch import Endpoint, Ticket, launch
from runner.embedded.webcontainer.serving import listen, serving
from runner.embedded.webcontainer.settings import Policy, Settings
from runner.embedded.webcontainer.standing import settings_for
from runner.errors import ServiceError

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = pytest.mark.integration

PAGE = """
globalThis.heard = new Promise((resolve) => addEventListener("message", (event) => resolve(event.data)));
globalThis.embed = (origin) => {
  const frame = document.createElement("iframe");
  frame.allow = "cross-origin-isolated";
  frame.src = `${origin}/headless`;
  document.body.append(frame);
  return globalThis.heard;
};
"""
FRAME = """
const told = { isolated: crossOriginIsolated, secure: isSecureContext, agent: originAgentCluster };
const worker = new Worker("/process.js");
worker.onmessage = async (event) => parent.postMessage({ ...told, worker: event.data, service: await service() }, "*");
async function service() {
  try {
    await navigator.serviceWorker.register("/service.js");
    return "registered";
  } catch (error) {
    return String(error);
  }
}
"""
#: What a program in the container tries: the addresses are put in by each test.
PROCESS = """
(async () => {
  const out = { isolated: crossOriginIsolated, eval: eval("1 + 1") };
  for (const url of ADDRESSES) {
    try { out[url] = await (await fetch(url)).text(); } catch (error) { out[url] = error.name; }
  }
  postMessage(out);
})();
"""


@asynccontextmanager
async def opened(
    browser: Browser, web: Path, settings: Settings | None = None, policy: Policy | None = None
) -> AsyncIterator[tuple[Endpoint, Ticket, Page]]:
    """A container's host page in a context of its own."""
    async with launch(settings or Settings(), web) as endpoint:
        ticket = endpoint.container(policy or Policy())
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(ticket.page_url)
        try:
            yield endpoint, ticket, page
        finally:
            await context.close()


@pytest.fixture
def web(tmp_path: Path) -> Path:
    scripts = {"host/page.js": PAGE, "engine/frame.js": FRAME, "engine/process.js": PROCESS, "engine/service.js": ""}
    for name, text in scripts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text.replace("ADDRESSES", "[]"))
    return tmp_path


def fetching(web: Path, *urls: str) -> None:
    (web / "engine" / "process.js").write_text(PROCESS.replace("ADDRESSES", json.dumps(urls)))


async def embedded(page: Page, ticket: Ticket) -> dict[str, Any]:
    told: dict[str, Any] = await page.evaluate("(origin) => embed(origin)", ticket.engine_origin)
    return told


async def hear(page: Page, ticket: Ticket, seconds: float = 1.5) -> object:
    """What the engine tells, or silence: a browser tells nobody that it shows an error in a frame."""
    race = "([origin, ms]) => Promise.race([embed(origin), new Promise((end) => setTimeout(end, ms, 'silence'))])"
    return await page.evaluate(race, [ticket.engine_origin, seconds * 1000])


@asynccontextmanager
async def neighbour(script: str = PAGE) -> AsyncIterator[str]:
    """Another server of this machine, which answers everybody, and has an isolated page that embeds what it likes."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        fields = [(b"access-control-allow-origin", b"*"), (b"cross-origin-resource-policy", b"cross-origin")]
        fields += [(b"cross-origin-opener-policy", b"same-origin"), (b"cross-origin-embedder-policy", b"require-corp")]
        page = scope["path"] == "/page"
        body = f"<!doctype html><body><script>{script}</script>" if page else "reached"
        fields.append((b"content-type", b"text/html" if page else b"text/plain"))
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": body.encode()})

    listener = listen(0)
    port = listener.getsockname()[1]
    async with serving(app, listener):
        yield f"127.0.0.1:{port}"


def test_engine_and_programs_are_isolated_and_may_have_a_service_worker(
    loop: asyncio.Runner, browser: Browser, web: Path
) -> None:
    async def go() -> None:
        async with opened(browser, web) as (_, ticket, page):
            assert await page.evaluate("crossOriginIsolated")
            told = await embedded(page, ticket)
            assert told["worker"] == {"isolated": True, "eval": 2}
            assert (told["isolated"], told["secure"], told["agent"]) == (True, True, True)
            assert told["service"] == "registered"

    loop.run(go())


def test_without_isolation_nothing_is_isolated(loop: asyncio.Runner, browser: Browser, web: Path) -> None:
    async def go() -> None:
        async with opened(browser, web, Settings(isolated=False)) as (_, ticket, page):
            assert not await page.evaluate("crossOriginIsolated")
            told = await embedded(page, ticket)
            assert (told["isolated"], told["worker"]["isolated"]) == (False, False)

    loop.run(go())


@pytest.mark.parametrize(
    ("allowed", "reached"), [("none", False), ("*", True), ("this", True), ("elsewhere.example", False)]
)
def test_a_program_reaches_what_its_container_may(
    loop: asyncio.Runner, browser: Browser, web: Path, allowed: str, reached: bool
) -> None:
    async def go() -> None:
        async with neighbour() as other:
            fetching(web, f"http://{other}/")
            network = allowed if allowed in ("none", "*") else ({"this": other}.get(allowed, allowed),)
            async with opened(browser, web, policy=Policy(network=network)) as (_, ticket, page):  # type: ignore[arg-type]
                told = await embedded(page, ticket)
                assert told["worker"][f"http://{other}/"] == ("reached" if reached else "TypeError")

    loop.run(go())


def test_a_program_reads_neither_the_runner_s_files_nor_another_container(
    loop: asyncio.Runner, browser: Browser, web: Path
) -> None:
    async def go() -> None:
        async with opened(browser, web, policy=Policy(network="*")) as (endpoint, ticket, page):
            neighbour_ticket = endpoint.container()
            offered = f"{endpoint.host_origin}{ticket.offer(b'mine')}"
            theirs = f"{neighbour_ticket.engine_origin}/process.js"
            fetching(web, offered, theirs, ticket.page_url)
            told = await embedded(page, ticket)
            assert {told["worker"][url] for url in (offered, theirs, ticket.page_url)} == {"TypeError"}

    loop.run(go())


@pytest.mark.parametrize(("embedders", "heard"), [((), False), (("http://127.0.0.1:*",), True)])
def test_pages_of_others_embed_an_engine_only_where_it_is_said(
    loop: asyncio.Runner, browser: Browser, web: Path, embedders: tuple[str, ...], heard: bool
) -> None:
    async def go() -> None:
        async with neighbour() as other, opened(browser, web, Settings(embedders=embedders)) as (_, ticket, page):
            await page.goto(f"http://{other}/page")
            assert (await hear(page, ticket, 20 if heard else 1.5) != "silence") is heard

    loop.run(go())


def test_any_page_with_the_genuine_client_boots_against_an_endpoint(
    loop: asyncio.Runner, browser: Browser, missing: Callable[[str], None]
) -> None:
    try:
        built = pages.built()
    except ServiceError as error:
        missing(f"{error.message}: {error.hint}")

    async def go() -> None:
        script = (built / "host" / "page.js").read_text()
        async with neighbour(script) as other, opened(browser, built, settings_for(0, [])) as (_, ticket, page):
            await page.goto(f"http://{other}/page")
            request = {"engine": ticket.engine_origin, "workdirName": "theirs", "timeoutMs": 15_000}
            booted = await page.evaluate("(request) => runnerHost.boot(request)", request)
            assert booted["workdir"] == "/home/theirs"

    loop.run(go())


@pytest.mark.parametrize("fault", ["503", "drop", "refuse", "blocked", "uncorp"])
def test_an_engine_that_fails_is_not_heard(loop: asyncio.Runner, browser: Browser, web: Path, fault: str) -> None:
    async def go() -> None:
        async with opened(browser, web, Settings(fault=fault)) as (_, ticket, page):
            assert await hear(page, ticket) == "silence"

    loop.run(go())
