"""WebContainers as boxes: the genuine `@webcontainer/api` client in a browser that this process is connected to.

`Host` holds what boxes of this process share: the two origins that serve pages and engines, the browser, the choice of
engine, and the live boxes. A box cannot outlive the process: its page belongs to the connection. So `connect` finds the
boxes of this process only, and says so of any other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from runner.embedded.webcontainer.browser import BrowserSettings, browser
from runner.embedded.webcontainer.launch import Endpoint, launch
from runner.embedded.webcontainer.settings import Network, Policy, Settings
from runner.errors import BoxError, BoxGone, ProviderOffline, ServiceError
from runner.run.ports import BoxInfo, BoxRequest
from runner.sandbox.webcontainer_box import PROVIDER, WORKDIR, WebContainerBox
from runner.sandbox.webcontainer_browser import Browsers, ChromiumTab
from runner.sandbox.webcontainer_engine import VENDOR, Choice

#: Seconds that a container has to boot; ours takes half of one, the vendor's is fetched from the network.
BOOT = {"local": 15.0, "stackblitz": 45.0}
#: Seconds beyond that after which a page that says nothing counts as dead.
_GRACE = 5.0
_OFFLINE_HINT = "Let another provider take over: `prefer: [webcontainer, e2b]`."


class Host:
    """What the WebContainers of one process share. `boot` are the seconds that a container has to boot."""

    def __init__(self, endpoint: Endpoint, browsers: Browsers, choice: Choice, boot: float | None = None) -> None:
        self._endpoint, self._browsers, self.choice = endpoint, browsers, choice
        self._boot = BOOT[choice.name] if boot is None else boot
        self.boxes: dict[str, WebContainerBox] = {}

    async def make(self, request: BoxRequest) -> WebContainerBox:
        """A fresh box. Raises ProviderError."""
        native = self.choice.name == "local"
        ticket = self._endpoint.container(Policy(_network(request.needs.get("network")), vendor=not native))
        early: list[dict[str, Any]] = []
        hearing: list[Callable[[list[dict[str, Any]]], None]] = [early.extend]
        engine = ticket.engine_origin if native else VENDOR
        try:
            tab = await self._tab(ticket.page_url, engine, lambda events: hearing[0](events))
            try:
                booted = await self._booted(tab, ticket.engine_origin if native else None)
            except BaseException:
                await tab.close()
                raise
        except BaseException:
            ticket.close()
            raise
        box = WebContainerBox(request, ticket, tab, native=native)
        box.hear(early)
        hearing[0] = box.hear
        self.boxes[box.id] = box
        box.begin(str(booted["workdir"]), lambda: self._forget(box.id))
        return box

    async def close(self) -> None:
        """End all boxes and leave the browser."""
        for box in list(self.boxes.values()):
            await box.end("the process that made it has ended its work")
        await self._browsers.close()

    def _forget(self, box_id: str) -> None:
        self.boxes.pop(box_id, None)

    async def _tab(self, url: str, engine: str, hear: Callable[[list[dict[str, Any]]], None]) -> ChromiumTab:
        """Twice, since a browser may have ended since it was used last."""
        try:
            try:
                return await self._browsers.open(url, engine, hear)
            except ProviderOffline:
                return await self._browsers.open(url, engine, hear)
        except ServiceError as error:
            # For the run this candidate fails as any other does.
            raise ProviderOffline(error.message, error.hint) from error

    async def _booted(self, tab: ChromiumTab, engine: str | None) -> dict[str, Any]:
        """Boot the page's container, or say within a bound why it does not. Raises ProviderOffline,
        CredentialRefused.
        """
        wanted: dict[str, Any] = {"engine": engine, "coep": "require-corp", "workdirName": WORKDIR}
        wanted["timeoutMs"] = self._boot * 1000
        if self.choice.key:
            wanted["apiKey"] = self.choice.key
        booting = asyncio.ensure_future(tab.call(f"{self.choice.reason} does not start", "boot", wanted))
        try:
            await asyncio.wait({booting, tab.trouble}, timeout=self._boot + _GRACE, return_when=asyncio.FIRST_COMPLETED)
            if booting.done():
                return self._answer(booting)
            why = tab.trouble.result() if tab.trouble.done() else f"its page said nothing for {self._boot + _GRACE:g} s"
            raise ProviderOffline(f"{self.choice.reason} does not start: {why}", _OFFLINE_HINT)
        finally:
            booting.cancel()
            booting.add_done_callback(lambda task: task.cancelled() or task.exception())

    def _answer(self, booting: asyncio.Future[Any]) -> dict[str, Any]:
        try:
            found: dict[str, Any] = booting.result()
        except BoxGone as exc:
            # A container that never was is no box that is gone: another provider may serve.
            raise ProviderOffline(exc.message, exc.hint) from exc
        return found


class WebContainerSandbox:
    """`Sandbox` of runner.run.ports. Objects on one host see each other's boxes."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def provider(self) -> str:
        return PROVIDER

    async def create(self, request: BoxRequest) -> WebContainerBox:
        making = asyncio.ensure_future(self._host.make(request))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            with contextlib.suppress(BoxError):
                await (await making).kill()
            raise

    async def connect(self, box_id: str) -> WebContainerBox:
        box = self._host.boxes.get(box_id)
        if box is None:
            raise BoxGone(
                f"there is no WebContainer {box_id} in this process: a container ends with the process that made it",
                "Run the steps again; `needs: {persist: …}` keeps boxes where a provider can.",
            )
        return box

    async def list(self, labels: Mapping[str, str]) -> list[BoxInfo]:
        infos = [await box.info() for box in self._host.boxes.values() if box.alive]
        return [info for info in infos if labels.items() <= info.labels.items()]

    async def close(self) -> None:
        """Nothing to do: boxes belong to the host, which lives as long as the process has work."""


@asynccontextmanager
async def opened(
    choice: Choice,
    settings: Settings | None = None,
    browsing: BrowserSettings | None = None,
    boot: float | None = None,
    web: Path | None = None,
) -> AsyncIterator[Host]:
    """A host until the block ends; its boxes end with it. `web` is a folder of pages to serve instead of those that
    were built. Raises ServiceError when the pages are not built.
    """
    async with launch(settings or Settings(), web) as endpoint:
        host = Host(endpoint, Browsers(lambda: browser(browsing or BrowserSettings())), choice, boot)
        try:
            yield host
        finally:
            await host.close()


def _network(wanted: object) -> Network:
    """A need for a network as a container's policy. None is had unless the need says otherwise."""
    allow = wanted.get("allow") if isinstance(wanted, dict) else wanted
    if allow == "*":
        return "*"
    return tuple(str(host) for host in allow) if isinstance(allow, list) and allow else "none"
