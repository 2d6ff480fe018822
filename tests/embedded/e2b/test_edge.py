"""Signed file URLs: the signature is the SDK's, and only the right box takes it."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import quote

import pytest
from e2b.sandbox.signature import get_signature

from runner.embedded.e2b.box.http1 import Exchange, Head, Inlet
from runner.embedded.e2b.boxes.box import Identity
from runner.embedded.e2b.edge import signed


async def _taken(box: Identity, method: str, query: str) -> bool:
    head = Head(method, f"/files?{query}", "HTTP/1.1")
    return signed(Exchange(head, Inlet(), None), box)


@pytest.mark.parametrize(
    ("method", "operation", "good"), [("GET", "read", True), ("POST", "write", True), ("GET", "write", False)]
)
def test_a_signature_is_for_one_operation(method: str, operation: str, good: bool) -> None:

    async def go() -> None:
        box, other = Identity.new(), Identity.new()
        made = get_signature("a b.txt", operation, "", box.token)
        query = f"path=a%20b.txt&signature={quote(made['signature'])}"
        assert await _taken(box, method, query) is good
        assert not await _taken(other, method, query)
        assert not await _taken(box, method, query.replace("a%20b", "other"))

    asyncio.run(go())


@pytest.mark.parametrize(("seconds", "good"), [(60, True), (-60, False)])
def test_a_signature_ends(seconds: int, good: bool) -> None:

    async def go() -> None:
        box = Identity.new()
        made = get_signature("f", "read", "user", box.token, seconds)
        query = f"path=f&username=user&signature={quote(made['signature'])}&signature_expiration={made['expiration']}"
        assert await _taken(box, "GET", query) is good
        later = int(time.time()) + 9999
        assert not await _taken(box, "GET", query.replace(str(made["expiration"]), str(later)))

    asyncio.run(go())
