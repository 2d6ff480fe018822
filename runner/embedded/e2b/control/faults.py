"""`GET` and `PUT /_faults`: the faults that hold now, and others in their place, for whoever started the endpoint."""

from __future__ import annotations

import hmac

from runner.embedded.e2b.box.http1 import Exchange, Head
from runner.embedded.e2b.control.bodies import object_of
from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.control.routing import LONGEST_BODY
from runner.embedded.e2b.front.faults import Faults, parse
from runner.embedded.e2b.front.striking import Striker
from runner.errors import UsageError


class FaultRoute:
    """Answers for `/_faults`, which is no part of E2B's API; no fault strikes it."""

    def __init__(self, admin_key: str, faults: Faults, striker: Striker) -> None:
        """`admin_key` is what `X-Admin-Key` must hold."""
        self._admin_key = admin_key
        self._faults = faults
        self._striker = striker

    async def answer(self, exchange: Exchange) -> None:
        """Answer one request."""
        raw = await exchange.body.read(LONGEST_BODY)
        try:
            self._do(exchange.head, raw)
        except Refused as error:
            await exchange.json(error.status, {"code": error.status, "message": error.message})
        else:
            await exchange.json(200, {"faults": [rule.text for rule in self._faults.rules]})

    def _do(self, head: Head, raw: bytes) -> None:
        if not hmac.compare_digest(head.get("x-admin-key").encode(), self._admin_key.encode()):
            raise Refused(401, "only who started this endpoint may change its faults")
        if head.method == "PUT":
            self._replace(raw)
        elif head.method != "GET":
            raise Refused(405, f"/_faults answers GET, PUT, not {head.method}")

    def _replace(self, raw: bytes) -> None:
        texts = object_of(raw).get("faults")
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise Refused(400, 'the body must be {"faults": [RULE, …]}')
        try:
            rules = tuple(parse(text) for text in texts)
        except UsageError as error:
            raise Refused(400, f"{error.message}; {error.hint}") from error
        self._striker.replace(rules)
