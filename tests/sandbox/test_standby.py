"""A provider that is opened when it is first needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from runner.errors import ProviderOffline, SandboxMissing
from runner.run.ports import BoxRequest, Sandbox
from runner.sandbox.fake import FakeCloud, FakeSandbox
from runner.sandbox.standby import Standby


def test_it_is_opened_once_and_closed_with_what_it_opened() -> None:
    cloud, told = FakeCloud(), []

    @asynccontextmanager
    async def opener() -> AsyncIterator[Sandbox]:
        told.append("opened")
        yield FakeSandbox(cloud, provider="e2b@embedded")
        told.append("closed")

    async def scenario() -> None:
        standby = Standby("e2b@embedded", opener)
        assert standby.provider == "e2b@embedded"
        assert await standby.list({}) == []
        assert told == []
        box, other = await asyncio.gather(standby.create(BoxRequest()), standby.create(BoxRequest()))
        assert told == ["opened"]
        assert len(await standby.list({})) == 2
        assert (await standby.connect(box.id)).id == box.id
        await other.kill()
        await box.kill()
        await standby.close()
        assert told == ["opened", "closed"]
        await standby.close()

    asyncio.run(scenario())


def test_a_machine_that_cannot_make_boxes_is_a_provider_that_failed() -> None:
    @asynccontextmanager
    async def opener() -> AsyncIterator[Sandbox]:
        raise SandboxMissing("no bubblewrap", "install it")
        yield FakeSandbox()

    with pytest.raises(ProviderOffline, match="no bubblewrap"):
        asyncio.run(Standby("e2b@embedded", opener).create(BoxRequest()))
