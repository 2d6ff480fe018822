"""The browser in which WebContainers live, driven by Playwright: the one file that knows it.

Playwright is loaded on first use: its driver is a process of its own, and takes half a second. Each container has a
context and a page. What can happen to a page that the page itself cannot tell is heard here: it crashed, it was closed,
the browser ended. Measured on Playwright 1.65, Chromium 156: a crash is told within 31 ms, also one of the engine's
frame.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from runner.errors import BoxGone, ProviderOffline, SandboxMissing
from runner.run.ports import BoxMetrics
from runner.sandbox import webcontainer_errors as errors

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page, Playwright, Request, Response

#: Called with the page's events, in order.
Hear = Callable[[list[dict[str, Any]]], None]
#: Seconds within which a browser on this machine gives a context and a page, and opens the host page.
OPENING = 20.0
_CLOSING = 5.0
#: Seconds that a death is waited for which explains why a call failed.
_EXPLAINED = 1.0
#: What a browser of this process's own needs of its environment.
_NEEDED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR", "FONTCONFIG_PATH")
_CALL = "async ([name, given]) => await globalThis.runnerHost[name](...given)"
_MEMORY = "async () => (await performance.measureUserAgentSpecificMemory()).bytes"
_CRASHED = "the browser's tab crashed: a program took more memory than a tab may have, or the tab was killed"
_CLOSED = "the browser's tab was closed"
_ENDED = "the browser ended: it crashed, or it was killed"
_HINT = errors.HINTS["gone"]


class Tab(Protocol):
    """A page with a container, as a box sees it."""

    @property
    def lost(self) -> str:
        """Why the page is gone, empty while it lives."""
        ...

    def on_lost(self, hear: Callable[[str], None]) -> None:
        """Be told once when the page is gone, with the reason."""
        ...

    async def call(self, what: str, method: str, *arguments: object) -> Any:
        """Call a function of the host page. Raises BoxGone, or the error of what the page said, starting with
        `what`.
        """
        ...

    async def memory(self) -> int | None:
        """Bytes that the page, its frames and workers use, where the browser tells."""
        ...

    async def close(self) -> None: ...


class Taken(Protocol):
    """A browser that was taken for one tab: behind `ws_endpoint`, or, where that is empty, to be launched."""

    @property
    def ws_endpoint(self) -> str: ...
    @property
    def executable(self) -> Path: ...
    @property
    def launch_arguments(self) -> tuple[str, ...]: ...
    @property
    def sandbox(self) -> bool: ...
    async def discard(self) -> None:
        """Say that it does not serve."""
        ...


class Browsers:
    """The browsers that this process is connected to. `take` gives one for as long as its block lasts."""

    def __init__(self, take: Callable[[], AbstractAsyncContextManager[Taken]]) -> None:
        self._take = take
        self._lock = asyncio.Lock()
        self._driver: Playwright | None = None
        self._connected: dict[str, Browser] = {}
        self._tabs: dict[object, ChromiumTab] = {}

    async def open(self, url: str, engine: str, hear: Hear) -> ChromiumTab:
        """A host page in a context of its own. `engine` is the origin whose requests are watched for what keeps the
        container from starting. Raises ProviderOffline, SandboxMissing.
        """
        async with AsyncExitStack() as stack:
            taken = await stack.enter_async_context(self._take())
            # Our engine's host is named by the container's token; the vendor's address is for everybody.
            secrets = (taken.ws_endpoint, url, *([engine] if ".localhost" in engine else []))
            try:
                async with asyncio.timeout(OPENING):
                    with _translated("the browser cannot open a tab", secrets):
                        browser = await self._browser(taken)
                        context = await browser.new_context()
                        stack.callback(self._tabs.pop, context, None)
                        stack.push_async_callback(_quietly, context.close)
                        tab = self._tabs[context] = ChromiumTab(await context.new_page(), engine, secrets)
                        await tab.start(url, hear)
            except (TimeoutError, ProviderOffline) as exc:
                await taken.discard()
                if isinstance(exc, ProviderOffline):
                    raise
                raise ProviderOffline(
                    f"the browser opened no tab within {OPENING:g} s", "Look whether the machine is overloaded."
                ) from exc
            tab.keep(stack.pop_all())
        return tab

    async def close(self) -> None:
        """Leave the browsers; tabs that are left are closed."""
        for tab in list(self._tabs.values()):
            await tab.close()
        for browser in self._connected.values():
            await _quietly(browser.close)
        if self._driver is not None:
            await _quietly(self._driver.stop)
        self._connected.clear()
        self._driver = None

    async def _browser(self, taken: Taken) -> Browser:
        async with self._lock:
            known = self._connected.get(taken.ws_endpoint)
            if known is not None and known.is_connected():
                return known
            if self._driver is None:
                self._driver = await _started()
            chromium = self._driver.chromium
            if taken.ws_endpoint:
                browser = await chromium.connect(taken.ws_endpoint)
            else:
                browser = await chromium.launch(
                    executable_path=taken.executable,
                    args=list(taken.launch_arguments),
                    chromium_sandbox=taken.sandbox,
                    env={name: os.environ[name] for name in _NEEDED if name in os.environ},
                )
            browser.on("disconnected", self._ended)
            self._connected[taken.ws_endpoint] = browser
            return browser

    def _ended(self, browser: Browser) -> None:
        for tab in list(self._tabs.values()):
            if tab.browser is browser:
                tab.end(_ENDED)


class ChromiumTab:
    """`Tab` on a page of Playwright."""

    def __init__(self, page: Page, engine: str, secrets: Sequence[str]) -> None:
        self._page, self._engine, self._secrets = page, engine, tuple(secrets)
        self._kept = AsyncExitStack()
        self._closing: asyncio.Future[None] | None = None
        self.browser = page.context.browser
        self._gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        #: What kept the engine's document from coming, as soon as that is known.
        self.trouble: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        page.on("crash", lambda _: self.end(_CRASHED))
        page.on("close", lambda _: self._was_closed())
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    async def start(self, url: str, hear: Hear) -> None:
        """Let events be heard, and open the page."""

        def told(_source: object, events: list[dict[str, Any]]) -> None:
            hear(events)

        await self._page.expose_binding("runnerEmit", told)
        answer = await self._page.goto(url, wait_until="load")
        if answer is None or not answer.ok:
            raise ProviderOffline(f"the host page was refused with status {0 if answer is None else answer.status}")

    @property
    def lost(self) -> str:
        return self._gone.result() if self._gone.done() else ""

    def keep(self, stack: AsyncExitStack) -> None:
        """What is to be closed with the tab."""
        self._kept = stack

    def on_lost(self, hear: Callable[[str], None]) -> None:
        self._gone.add_done_callback(lambda gone: hear(gone.result()))

    def end(self, reason: str) -> None:
        """Take note that the page is gone. The first reason counts."""
        if not self._gone.done():
            self._gone.set_result(reason)

    async def call(self, what: str, method: str, *arguments: object) -> Any:
        calling = asyncio.ensure_future(self._page.evaluate(_CALL, [method, list(arguments)]))
        try:
            await asyncio.wait({calling, self._gone}, return_when=asyncio.FIRST_COMPLETED)
            if not calling.done():
                raise BoxGone(f"{what}: {self.lost}", _HINT)
            return await self._outcome(what, calling)
        finally:
            if not calling.done():
                calling.cancel()
            calling.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _outcome(self, what: str, calling: asyncio.Future[Any]) -> Any:
        from playwright.async_api import Error

        try:
            return calling.result()
        except Error as exc:
            about = errors.said(exc.message)
            if about is not None:
                raise errors.meaning(about, what, self._secrets) from exc
            # The library may tell that a call failed before it tells why.
            await asyncio.wait({self._gone}, timeout=_EXPLAINED)
            if self.lost:
                raise BoxGone(f"{what}: {self.lost}", _HINT) from exc
            raise ProviderOffline(f"{what}: {errors.clean(exc.message, self._secrets)}") from exc

    async def memory(self) -> int | None:
        """Bytes of the page, its frames and their workers, each frame counted by itself."""
        from playwright.async_api import Error

        found = 0
        for frame in self._page.frames:
            # A frame that has no such function, or goes away, counts as nothing.
            with contextlib.suppress(Error):
                found += int(await frame.evaluate(_MEMORY))
        return found or None

    async def close(self) -> None:
        self.end(_CLOSED)
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._kept.aclose())
        await asyncio.shield(self._closing)

    def _was_closed(self) -> None:
        """A browser that ends closes its tabs first, and says a moment later that it has ended."""
        asyncio.get_running_loop().call_later(_EXPLAINED / 2, self.end, _CLOSED)

    def _failed(self, request: Request) -> None:
        if self._is_engine(request):
            self._say(errors.unreached(request.failure))

    def _answered(self, response: Response) -> None:
        if self._is_engine(response.request) and response.status >= 400:
            self._say(f"it answers with status {response.status}")

    def _is_engine(self, request: Request) -> bool:
        return request.is_navigation_request() and request.url.startswith(f"{self._engine}/")

    def _say(self, sentence: str) -> None:
        if not self.trouble.done():
            self.trouble.set_result(sentence)


async def _started() -> Playwright:
    try:
        from playwright.async_api import async_playwright
    except ImportError as exc:
        raise SandboxMissing(
            "WebContainers need Playwright, which is not installed", "Install it: pip install 'runner[webcontainer]'"
        ) from exc
    return await async_playwright().start()


@contextlib.contextmanager
def _translated(what: str, secrets: Sequence[str]) -> Iterator[None]:
    """Errors of Playwright as ProviderOffline that starts with `what`."""
    from playwright.async_api import Error

    try:
        yield
    except Error as exc:
        said = errors.clean(exc.message, secrets)
        raise ProviderOffline(
            f"{what}: {said}", "Run `runner endpoint webcontainer` to see whether it starts."
        ) from exc


async def _quietly(work: Callable[[], Awaitable[object]]) -> None:
    """Do what is left to do at the end; what fails at that, or takes long, is of no use to anybody."""
    from playwright.async_api import Error

    with contextlib.suppress(Error, TimeoutError):
        async with asyncio.timeout(_CLOSING):
            await work()


def sample(memory: int, started: float) -> BoxMetrics:
    """A sample of a tab: its memory now. The browser tells neither processors nor files of one tab: 0."""
    return BoxMetrics(ts=max(time.time(), started), cpu_percent=0.0, memory_bytes=memory, disk_bytes=0)
