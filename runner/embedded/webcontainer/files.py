"""Files on their way between the runner and a host page: each path is unguessable and good for one use."""

from __future__ import annotations

import asyncio
import secrets

from runner.errors import BoxGone


class Files:
    """What one container's page may fetch and put, below `/files/<secret>/`."""

    def __init__(self) -> None:
        self.secret = secrets.token_hex(16)
        self._offered: dict[str, bytes] = {}
        self._expected: dict[str, asyncio.Future[bytes]] = {}

    def offer(self, data: bytes) -> str:
        """Let the page fetch `data` once, from the path that is given back."""
        name = secrets.token_hex(12)
        self._offered[name] = data
        return self._path(name)

    def expect(self) -> tuple[str, asyncio.Future[bytes]]:
        """A path to which the page may put a body once, and the body to come; cancel that when it is not to come."""
        name = secrets.token_hex(12)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._expected[name] = future
        future.add_done_callback(lambda _: self._expected.pop(name, None))
        return self._path(name), future

    def take(self, name: str) -> bytes | None:
        """What was offered under that name, the first time."""
        return self._offered.pop(name, None)

    def expects(self, name: str) -> bool:
        """Whether a body is awaited under that name."""
        return name in self._expected

    def arrived(self, name: str, data: bytes) -> bool:
        """Hand over what the page has put; False when nobody waits for it (any more)."""
        future = self._expected.pop(name, None)
        if future is None or future.done():
            return False
        future.set_result(data)
        return True

    def close(self) -> None:
        """Forget all. Whoever still waits gets BoxGone."""
        self._offered.clear()
        for future in self._expected.values():
            if not future.done():
                future.set_exception(BoxGone("the container was closed while its files were on their way"))
                future.exception()  # asked for here, so that an abandoned wait is no warning
        self._expected.clear()

    def _path(self, name: str) -> str:
        return f"/files/{self.secret}/{name}"
