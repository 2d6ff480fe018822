"""`Idempotency-Key`: a request that is sent twice is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from runner.embedded.e2b.boxes.box import Box
from runner.embedded.e2b.control.refusals import Refused

#: So many keys are remembered.
_REMEMBERED = 1_000


class Promises:
    """The boxes that were made, or are being made, by key."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[bytes, asyncio.Future[Box]]] = {}

    async def once(self, key: str, raw: bytes, make: Callable[[], Awaitable[Box]]) -> Box:
        """The box of this key, made now if the key is new. A box that could not be made is forgotten.

        `raw` is the request's body; another one under the same key is Refused (409).
        """
        if key in self._made:
            asked, promise = self._made[key]
            if asked != raw:
                said = "this Idempotency-Key was used with another body"
                raise Refused(409, said, error_code="idempotency_request_mismatch")
            return await asyncio.shield(promise)
        promise = asyncio.ensure_future(make())
        self._made[key] = (raw, promise)
        # Also when the client that asked first has gone: whoever asks again gets the box, or a new try.
        promise.add_done_callback(lambda done: self._forget(key, done))
        while len(self._made) > _REMEMBERED:
            self._made.pop(next(iter(self._made)))
        return await asyncio.shield(promise)

    def _forget(self, key: str, done: asyncio.Future[Box]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._made.pop(key, None)
