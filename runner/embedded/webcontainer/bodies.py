"""Bodies of requests that may be too large: programs in a container ask, too."""

from __future__ import annotations

from starlette.requests import Request


async def read(request: Request, most: int) -> bytes | None:
    """The body; None when it has more than `most` bytes, without reading the rest."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)
