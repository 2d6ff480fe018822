"""`runner run --preview`: a server in a box, whoever provides it, as curl and a real Chromium see it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from runner.errors import SandboxMissing
from runner.sandbox import webcontainer_ready

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(150)]

SHOP = """
const http = require('http');
const page = (body) => `<!doctype html><title>shop</title><h1>${body}</h1><p id=js></p><script src=/app.js></script>`;
http.createServer((request, answer) => {
  if (request.url === '/app.js') {
    answer.setHeader('content-type', 'text/javascript');
    answer.end("fetch('/api').then((r) => r.json()).then((told) => { document.all.js.textContent = told.word; });");
  } else if (request.url === '/api') {
    answer.setHeader('content-type', 'application/json');
    answer.end(JSON.stringify({ word: 'fetched' }));
  } else if (request.url === '/buy' && request.method === 'POST') {
    let body = '';
    request.on('data', (piece) => { body += piece; });
    request.on('end', () => {
      answer.setHeader('set-cookie', [`bought=${body.split('=')[1]}; Path=/`, 'seen=yes']);
      answer.writeHead(303, { location: `http://${request.headers.host}/cart` });
      answer.end();
    });
  } else if (request.url === '/cart') {
    answer.setHeader('content-type', 'text/html');
    answer.end(page(`cart: ${(request.headers.cookie || 'no cookie')}`));
  } else if (request.url === '/slow') {
    answer.write('first ');
    setTimeout(() => answer.end('last'), 1500);
  } else {
    answer.setHeader('content-type', 'text/html');
    answer.end(page('hello') + '<form method=post action=/buy><input name=what value=tea><button>Buy</button></form>');
  }
}).listen(3000);
"""
SPEC = """
spec: 1
name: shop
sandboxes:
  web: {needs: {runtime: node%s}, prefer: [%s]}
steps:
  serve: {sandbox: web, timeout: 2m, files: {shop.js: shop.js}, run: node shop.js}
"""


EXPRESS = """
spec: 1
name: greeter
sandboxes:
  # runner: ignore[sandbox-network] packages come from whichever registry this machine's npm uses
  tab: {needs: {runtime: node, browser: true, ports: [3000], network: "*"}, prefer: [webcontainer]}
steps:
  install: {sandbox: tab, cwd: app, files: {app: express}, run: npm ci}
  serve: {after: [install], sandbox: tab, cwd: app, run: "node -e 'require(`./app.js`).listen(3000)'"}
"""


class Going:
    """A run that goes on, and where its server is shown."""

    def __init__(self, address: str, events: list[dict[str, Any]]) -> None:
        self.address = address
        self.events = events

    def curl(self, path: str, *options: str, port: int = 3000) -> str:
        host = self.address.removeprefix("http://").rstrip("/").replace("3000--", f"{port}--")
        where = f"http://127.0.0.1:{host.rpartition(':')[2]}{path}"
        words = ["curl", "-sS", "-i", "--max-time", "20", "-H", f"Host: {host}", *options, where]
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=30).stdout


def shop(folder: Path, provider: str) -> str:
    """A spec that serves the shop, and what it needs."""
    (folder / "shop.js").write_text(SHOP)
    needs = ", browser: true, ports: [3000]" if provider == "webcontainer" else ""
    return SPEC % (needs, provider)


@contextmanager
def going(folder: Path, spec: str, token: str = "") -> Iterator[Going]:
    (folder / "spec.yaml").write_text(spec)
    words = [sys.executable, "-m", "runner", "run", "spec.yaml", "--engine", "local", "--preview", "0"]
    environ = {**os.environ, **({"RUNNER_PREVIEW_TOKEN": token} if token else {})}
    process = subprocess.Popen(
        [*words, "--json", "--events"],
        cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    events: list[dict[str, Any]] = []
    try:
        for line in process.stdout:
            events.append(json.loads(line))
            if events[-1].get("type") == "preview.ready":
                break
        else:
            assert process.stderr is not None
            pytest.fail(f"the run ended without a preview: {events[-3:]} {process.stderr.read()}")
        yield Going(str(events[-1]["data"]["address"]), events)
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=40)
    assert process.returncode == 130, out + err
    assert not token or token not in out + err


@pytest.fixture(params=["e2b", "webcontainer"])
def provider(request: pytest.FixtureRequest, missing: Callable[[str], None]) -> str:
    if request.param == "webcontainer" and (lacking := webcontainer_ready.lacking(os.environ)):
        missing(lacking)
    for program in ("curl", "node"):
        if shutil.which(program) is None:
            missing(f"{program} is not installed: apt-get install curl nodejs")
    return str(request.param)


@pytest.fixture
def executable(missing: Callable[[str], None]) -> Path:
    from runner.embedded.webcontainer import chromium

    try:
        return chromium.find(os.environ)
    except SandboxMissing as error:
        missing(f"{error.message}: {error.hint}")
        raise


def test_a_server_in_a_box_is_seen_by_curl_and_by_a_browser(tmp_path: Path, provider: str, executable: Path) -> None:
    with going(tmp_path, shop(tmp_path, provider)) as seen_at:
        told = seen_at.events[-1]["data"]
        assert (told["port"], told["sandbox"], told["provider"]) == (3000, "web", provider)
        assert re.fullmatch(r"http://3000--\d{8}-\d{6}-[0-9a-f]{6}\.localhost:\d+/", seen_at.address)
        assert "<h1>hello</h1>" in seen_at.curl("/")
        bought = seen_at.curl("/buy", "-d", "what=tea")
        assert bought.startswith("HTTP/1.1 303")
        assert f"location: {seen_at.address}cart" in bought, "redirects lead to the preview"
        assert re.findall(r"set-cookie: (\S+)", bought) == ["bought=tea;", "seen=yes"]
        assert seen_at.curl("/slow").endswith("first last")
        assert seen_at.curl("/", port=3999).startswith("HTTP/1.1 502")
        seen = asyncio.run(browse(executable, seen_at.address, tmp_path / "shop.png"))
        assert seen == ["hello", "fetched", "cart: bought=tea; seen=yes", "fetched"]
        assert (tmp_path / "shop.png").read_bytes().startswith(b"\x89PNG")


async def browse(executable: Path, address: str, picture: Path) -> list[str]:
    """What a person sees who opens the shop and buys."""
    seen = []
    async with opened(executable) as page:
        await page.goto(address)
        for _ in range(2):
            await page.wait_for_selector("#js:not(:empty)")
            seen += [await page.inner_text("h1"), await page.inner_text("#js")]
            if len(seen) == 2:
                await page.click("button")
        await page.screenshot(path=picture)
    return seen


@asynccontextmanager
async def opened(executable: Path) -> AsyncIterator[Any]:
    from playwright.async_api import async_playwright

    from runner.embedded.webcontainer import chromium

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=list(chromium.arguments(512)), chromium_sandbox=chromium.may_be_sandboxed()
        )
        yield await browser.new_page()
        await browser.close()


def test_an_express_application_that_npm_installed_in_a_webcontainer_is_seen(
    root: Path, tmp_path: Path, executable: Path, missing: Callable[[str], None]
) -> None:
    if lacking := webcontainer_ready.lacking(os.environ):
        missing(lacking)
    for program in ("curl", "npm"):
        if shutil.which(program) is None:
            missing(f"{program} is not installed: apt-get install curl npm")
    shutil.copytree(root / "specs" / "express", tmp_path / "express")

    async def heading(address: str) -> str:
        async with opened(executable) as page:
            await page.goto(address)
            return str(await page.inner_text("h1"))

    with going(tmp_path, EXPRESS) as greeter:
        assert "Set-Cookie: last=Ada; Path=/" in (answer := greeter.curl("/greet/Ada"))
        assert answer.endswith('{"greeting":"Hello, Ada!"}')
        summed = greeter.curl("/sum", "-H", "Content-Type: application/json", "-d", '{"numbers": [1, 2, 3]}')
        assert (summed.startswith("HTTP/1.1 201"), summed.endswith('{"sum":6}')) == (True, True)
        assert greeter.curl("/nowhere").startswith("HTTP/1.1 404")
        assert asyncio.run(heading(greeter.address)) == "Hello from express"


def test_with_a_token_only_who_has_it_sees_anything(tmp_path: Path, missing: Callable[[str], None]) -> None:
    if shutil.which("curl") is None:
        missing("curl is not installed: apt-get install curl")
    token = "a-token-of-this-test-only"
    with going(tmp_path, shop(tmp_path, "e2b"), token) as guarded:
        assert guarded.curl("/").startswith("HTTP/1.1 401")
        assert "hello" in guarded.curl("/", "-H", f"X-Runner-Preview-Token: {token}")
        jar = str(tmp_path / "jar")
        assert "location: /cart" in guarded.curl(f"/cart?token={token}", "-c", jar)
        shown = guarded.curl("/cart", "-b", jar, "-H", f"Cookie: {cookie(Path(jar))}")
        assert "cart: no cookie" in shown, "the box gets no cookie of the gate"


def cookie(jar: Path) -> str:
    """The cookie in curl's jar: its name is of 127.0.0.1 there, for which it was not made."""
    *_, name, value = jar.read_text().strip().splitlines()[-1].split("\t")
    return f"{name}={value}"
