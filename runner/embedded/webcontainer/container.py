"""The containers that a pair of servers knows."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import field

from runner.embedded.webcontainer.files import Files
from runner.embedded.webcontainer.names import new_token
from runner.embedded.webcontainer.page_script import PageScripts
from runner.embedded.webcontainer.settings import Policy
from runner.embedded.webcontainer.tunnel import StreamBroken, Tunnel
from runner.records import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Container:
    """One container: `token` names its engine, `policy` says what it may do, `files` are under way, `tunnels` are those
    of its engine's documents, the newest last. `scripts` go into the pages of its previews; `cookies` are the ports
    whose answers have set some, `shown` those that a frame has shown. After `closed` nothing of it is served.
    """

    token: str
    policy: Policy
    files: Files
    tunnels: list[Tunnel] = field(default_factory=list)
    scripts: PageScripts = field(default_factory=PageScripts)
    cookies: set[int] = field(default_factory=set)
    shown: set[int] = field(default_factory=set)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def shows(self, tunnel: Tunnel, port: int) -> None:
        """Take note that a frame shows a port: a service worker may answer for it, unless cookies are known of it."""
        if port in self.cookies:
            return
        self.shown.add(port)
        with suppress(StreamBroken):  # what asks by the same tunnel will tell
            await tunnel.show(port)

    async def sets_cookies(self, port: int) -> None:
        """Take note that a port's answers set cookies; after this no service worker answers for it."""
        self.cookies.add(port)
        if port not in self.shown:
            return  # its pages are served from here anyway
        for tunnel in list(self.tunnels):
            with suppress(StreamBroken):  # an engine that is gone, or that hears nothing, gives workers nothing either
                await tunnel.cookies(port)


class Containers:
    """All that live, by the token of their engine and by the secret of their page."""

    def __init__(self) -> None:
        self._by_token: dict[str, Container] = {}
        self._by_secret: dict[str, Container] = {}

    def add(self, policy: Policy) -> Container:
        """A new one, with names that nobody can guess."""
        made = Container(new_token(), policy, Files())
        self._by_token[made.token] = made
        self._by_secret[made.files.secret] = made
        return made

    def remove(self, container: Container) -> None:
        """Forget one. Nothing of it is served from here on."""
        self._by_token.pop(container.token, None)
        self._by_secret.pop(container.files.secret, None)
        container.files.close()
        container.closed.set()

    def of_token(self, token: str) -> Container | None:
        """The one whose engine has that name."""
        return self._by_token.get(token)

    def of_secret(self, secret: str) -> Container | None:
        """The one whose page has that secret."""
        return self._by_secret.get(secret)

    def close(self) -> None:
        """Forget all."""
        for each in list(self._by_token.values()):
            self.remove(each)
