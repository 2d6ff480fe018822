"""What a program does in the local engine: the genuine client, the real servers, a real browser."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import msgpack
from playwright.async_api import Browser, Error, Page, async_playwright

from runner.embedded.webcontainer import chromium
from runner.embedded.webcontainer.launch import Endpoint, Ticket, launch
from runner.sandbox.webcontainer_streams import FRAMED, Tagged
from tests.engine_conformance.outcome import Outcome, told
from tests.engine_conformance.programs import Packages, Program, Tree

BOOT_MS = 30_000
#: For one program. A slow machine with other work takes ten times what a quiet one does.
SECONDS = 150.0


class Lost(Exception):
    """The container is gone, or did not answer in time."""


class _Process:
    def __init__(self) -> None:
        self.streams = Tagged()
        self.output: list[tuple[str, str]] = []
        self.exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()


class Container:
    """One container in a page of its own. Programs share it one after the other, with the packages mounted so far."""

    def __init__(self, page: Page, ticket: Ticket, packages: Packages) -> None:
        self._page, self._ticket, self._packages = page, ticket, packages
        self._mounted: frozenset[str] = frozenset()
        self._processes: dict[str, _Process] = {}
        self._numbers = count(1)
        self._home = ""
        self.lost = False

    async def boot(self) -> None:
        """Start the engine. Raises Lost with what the page says."""
        await self._page.expose_binding("runnerEmit", lambda _source, events: self._heard(events))
        self._page.on("crash", lambda _page: self._fail("the page crashed"))
        await self._page.goto(self._ticket.page_url)
        request = {
            "engine": self._ticket.engine_origin,
            "coep": "require-corp",
            "workdirName": "project",
            "timeoutMs": BOOT_MS,
        }
        booted = await self._page.evaluate("request => runnerHost.boot(request)", request)
        self._home = booted["workdir"]

    async def run(self, program: Program, seconds: float = SECONDS) -> Outcome:
        """Run it once. Raises Lost when it does not end in time; the container is of no use then."""
        try:
            async with asyncio.timeout(seconds):
                return await self._run(program)
        except TimeoutError:
            partial = "".join(text for each in self._processes.values() for _, text in each.output)[-600:]
            self._fail(f"{program.name} did not end within {seconds:g} s; it said: {partial}")
            raise Lost(f"{program.name} did not end within {seconds:g} s; it said: {partial}") from None
        except Exception as error:
            self.lost = True
            raise Lost(f"{type(error).__name__}: {error}") from error

    async def _run(self, program: Program) -> Outcome:
        wanted = self._packages.closure(program.packages) - self._mounted
        if wanted:
            await self._mount(self._packages.tree(wanted))
            self._mounted |= wanted
        await self._mount({"d": {"run": {"d": {program.name: program.tree()}}}})
        folder = f"{self._home}/run/{program.name}"
        code, output = await self._spawn(program, folder)
        await self._page.evaluate(
            "path => runnerHost.rm(path, { recursive: true, force: true })", f"run/{program.name}"
        )
        stdout, stderr = ("".join(text for kind, text in output if kind == one) for one in ("stdout", "stderr"))
        return told(stdout, stderr, code, folder)

    async def _mount(self, files: Tree) -> None:
        url = self._ticket.offer(msgpack.packb(files))
        await self._page.evaluate("url => runnerHost.mount(url)", url)

    async def _spawn(self, program: Program, folder: str) -> tuple[int, list[tuple[str, str]]]:
        name = str(next(self._numbers))
        process = self._processes[name] = _Process()
        request: dict[str, Any] = {
            "command": "bash",
            "args": ["-l", "-c", program.command],
            "cwd": folder,
            "env": {**FRAMED, "LANG": "C.UTF-8"},
        }
        await self._page.evaluate("([id, request]) => runnerHost.spawn(id, request)", [name, request])
        await self._feed(name, program.stdin)
        code = await process.exit
        del self._processes[name]
        return code, process.output + list(process.streams.end())

    async def _feed(self, name: str, text: str) -> None:
        try:
            if text:
                await self._page.evaluate("([id, text]) => runnerHost.write(id, text)", [name, text])
            await self._page.evaluate("id => runnerHost.endInput(id)", name)
        except Error as error:
            # Who has ended already does not read.
            if "or it has ended" not in error.message:
                raise

    def _heard(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            process = self._processes.get(event.get("id", ""))
            if event["kind"] == "output" and process is not None:
                process.output += process.streams.feed(event["data"])
            elif event["kind"] == "exit" and process is not None and not process.exit.done():
                process.exit.set_result(event["code"])
            elif event["kind"] == "error":
                self._fail(json.dumps(event))

    def _fail(self, reason: str) -> None:
        self.lost = True
        for process in self._processes.values():
            if not process.exit.done():
                process.exit.set_exception(Lost(reason))


class Engine:
    """Containers, one at a time: another takes the place of one that was lost."""

    def __init__(self, endpoint: Endpoint, browser: Browser, packages: Packages) -> None:
        self._endpoint, self._browser, self._packages = endpoint, browser, packages
        self._container: Container | None = None

    async def run(self, program: Program, seconds: float = SECONDS) -> Outcome:
        """Run a program once. Raises Lost."""
        if self._container is None or self._container.lost:
            self._container = await self._another()
        return await self._container.run(program, seconds)

    async def _another(self) -> Container:
        for context in self._browser.contexts:
            await context.close()
        context = await self._browser.new_context()
        container = Container(await context.new_page(), self._endpoint.container(), self._packages)
        await container.boot()
        return container


@asynccontextmanager
async def engine(packages: Packages, web: Path | None = None) -> AsyncIterator[Engine]:
    """The local engine of this build. Raises SandboxMissing without a Chromium, ServiceError without a build."""
    async with launch(web=web) as endpoint, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium.find(os.environ),
            args=list(chromium.arguments(2048)),
            chromium_sandbox=chromium.may_be_sandboxed(),
        )
        try:
            yield Engine(endpoint, browser, packages)
        finally:
            await browser.close()
