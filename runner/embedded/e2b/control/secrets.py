"""Routes of secrets: made, renewed, told of and forgotten. No answer ever holds a value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from runner.embedded.e2b.control.bodies import object_of, texts
from runner.embedded.e2b.control.pages import page
from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.control.routing import Call, Route
from runner.embedded.e2b.folders.vault import NameTaken, Secret, SecretRefused, Vault


class Secrets:
    """The routes of secrets."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("GET /secrets", self._list)
        yield Route("POST /secrets", self._create)
        yield Route("GET /secrets/{secret}", self._detail)
        yield Route("POST /secrets/{secret}", self._update)
        yield Route("DELETE /secrets/{secret}", self._destroy)

    async def _list(self, call: Call) -> None:
        secrets, query = self._vault.all(), call.exchange.head.query
        found, fields = page(secrets, lambda each: (each.created_at, each.id), query, newest_first=False)
        await call.exchange.json(200, [_told(each) for each in found], fields)

    async def _create(self, call: Call) -> None:
        body = object_of(call.raw)
        name, value = _text(body, "name"), _text(body, "value")
        try:
            made = self._vault.create(name, value, texts(body.get("metadata"), "metadata"))
        except SecretRefused as error:
            raise Refused(400, str(error)) from error
        except NameTaken as error:
            raise Refused(409, str(error)) from error
        await call.exchange.json(201, _told(made))

    async def _detail(self, call: Call) -> None:
        await call.exchange.json(200, _told(self._found(call)))

    async def _update(self, call: Call) -> None:
        secret, body = self._found(call), object_of(call.raw)
        metadata = texts(body["metadata"], "metadata") if "metadata" in body else None
        try:
            renewed = self._vault.update(secret, _text(body, "value"), metadata)
        except SecretRefused as error:
            raise Refused(400, str(error)) from error
        await call.exchange.json(200, _told(renewed))

    async def _destroy(self, call: Call) -> None:
        self._vault.destroy(self._found(call))
        await call.exchange.reply(204)

    def _found(self, call: Call) -> Secret:
        secret = self._vault.find(call["secret"])
        if secret is None:
            raise Refused(404, f"secret {call['secret']} not found")
        return secret


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise Refused(400, f"{name} must be a text")
    return value


def _told(secret: Secret) -> dict[str, Any]:
    return {
        "secretID": secret.id,
        "name": secret.name,
        "currentVersion": secret.version,
        "metadata": dict(secret.metadata),
        "createdAt": datetime.fromtimestamp(secret.created_at, UTC).isoformat(),
        "updatedAt": datetime.fromtimestamp(secret.updated_at, UTC).isoformat(),
    }
