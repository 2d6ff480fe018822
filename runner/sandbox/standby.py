"""A provider that is opened when the first box is asked for: a fallback costs nothing until it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from runner.errors import ProviderOffline, SandboxMissing
from runner.run.ports import Box, BoxInfo, BoxRequest, Sandbox


class Standby:
    """`Sandbox` of runner.run.ports around another one that `opener` opens once, on first use."""

    def __init__(self, provider: str, opener: Callable[[], AbstractAsyncContextManager[Sandbox]]) -> None:
        self._provider = provider
        self._opener = opener
        self._lock = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._inner: Sandbox | None = None

    @property
    def provider(self) -> str:
        return self._provider

    async def create(self, request: BoxRequest) -> Box:
        return await (await self._open()).create(request)

    async def connect(self, box_id: str) -> Box:
        return await (await self._open()).connect(box_id)

    async def list(self, labels: Mapping[str, str]) -> list[BoxInfo]:
        """Live boxes that carry all these labels; none before the first was made."""
        return await self._inner.list(labels) if self._inner is not None else []

    async def close(self) -> None:
        """Close the other provider, where it was opened."""
        await self._stack.aclose()
        self._inner = None

    async def _open(self) -> Sandbox:
        async with self._lock:
            if self._inner is None:
                try:
                    self._inner = await self._stack.enter_async_context(self._opener())
                except SandboxMissing as error:
                    # For the run this candidate fails as any other does.
                    raise ProviderOffline(error.message, error.hint) from error
            return self._inner
