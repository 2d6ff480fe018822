"""Bodies of requests that may be too large, or no JSON: programs in a container ask, too."""

from __future__ import annotations

import json

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


def parsed(body: bytes) -> object:
    """What a body says as JSON, without the numbers that JSON has not. Raises ValueError, also for what is too deep."""
    try:
        said: object = json.loads(body, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("this JSON is too deep") from error
    return said


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
