"""Pages of other origins may use the API and boxes' agents, as at the hosted service (Fetch standard, CORS).

That opens nothing: no cookie is ever heeded, and a page needs a key or a box's token like everybody else.
"""

from __future__ import annotations

from runner.embedded.e2b.box.http1 import Exchange

_ANY = ("access-control-allow-origin", "*")
_SHOWN = ("access-control-expose-headers", "x-next-token, retry-after")
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_SECONDS = "7200"


async def shared(exchange: Exchange) -> bool:
    """Let the origin of a request have the answer; True when the request only asked whether it may: it is answered."""
    head = exchange.head
    if not head.get("origin"):
        return False
    exchange.extra += [_ANY, _SHOWN]
    if head.method != "OPTIONS" or not head.get("access-control-request-method"):
        return False
    await exchange.body.drain()
    # A star does not stand for `Authorization`: what is asked for is named.
    allowed = head.get("access-control-request-headers", "*")
    fields = {"access-control-allow-methods": _METHODS, "access-control-max-age": _SECONDS}
    await exchange.reply(204, fields={**fields, "access-control-allow-headers": allowed})
    return True
