"""Secrets of the embedded endpoint, driven by the genuine SDK: values go in, and never come out."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from e2b import AsyncSecret, Secret
from e2b.exceptions import SecretException, SecretNotFoundException

from runner.embedded.e2b.launch import Endpoint

pytestmark = pytest.mark.integration


@pytest.fixture
def where(embedded_e2b: Endpoint) -> dict[str, Any]:
    return {"api_url": embedded_e2b.api_url, "api_key": embedded_e2b.api_key, "retries": 0}


def test_a_secret_is_made_renewed_found_and_destroyed(where: dict[str, Any]) -> None:
    name = f"Key-{uuid4()}"
    made = Secret.create(name, "sk-one", {"team": "a"}, **where)
    assert (made.name, made.version, made.metadata) == (name.lower(), 1, {"team": "a"})
    renewed = Secret.update(name, "sk-two", **where)
    assert (renewed.secret_id, renewed.version, renewed.metadata) == (made.secret_id, 2, {"team": "a"})
    assert renewed.updated_at >= made.created_at
    assert Secret.update(made.secret_id, "sk-three", {}, **where).metadata == {}
    assert Secret.get_info(made.secret_id, **where).version == 3
    assert Secret.exists(name, **where) is True
    assert Secret.destroy(name, **where) is True
    assert Secret.destroy(name, **where) is False
    assert Secret.exists(name, **where) is False
    with pytest.raises(SecretNotFoundException):
        Secret.update(name, "x", **where)


def test_secrets_are_listed_in_pages(where: dict[str, Any]) -> None:
    made = [Secret.create(f"page-{n}-{uuid4()}", "v", **where) for n in range(3)]
    found = []
    pages = Secret.list(limit=2, **where)
    while pages.has_next:
        found += pages.next_items()
    assert [each.secret_id for each in made] == [each.secret_id for each in found if each in made]
    for each in made:
        Secret.destroy(each.secret_id, **where)


def test_no_answer_holds_a_value(where: dict[str, Any]) -> None:
    name = f"quiet-{uuid4()}"
    fields = {"X-API-KEY": where["api_key"]}
    with httpx.Client(base_url=where["api_url"], headers=fields) as client:
        answers = [
            client.post("/secrets", json={"name": name, "value": "sk-hidden"}),
            client.get(f"/secrets/{name}"),
            client.get("/secrets"),
            client.post(f"/secrets/{name}", json={"value": "sk-hidden-2"}),
            client.post("/secrets", json={"name": name, "value": "sk-hidden-3"}),
        ]
        client.delete(f"/secrets/{name}")
    assert [each.status_code for each in answers] == [201, 200, 200, 200, 409]
    assert not [each for each in answers if "hidden" in each.text]


@pytest.mark.parametrize("name", ["sec_mine", "a{b", ""])
def test_a_name_that_cannot_be_is_refused(where: dict[str, Any], name: str) -> None:
    with pytest.raises(SecretException, match="name"):
        Secret.create(name, "v", **where)


def test_the_asynchronous_sdk_does_the_same(where: dict[str, Any]) -> None:
    async def go() -> None:
        made = await AsyncSecret.create(f"async-{uuid4()}", "v", **where)
        assert (await AsyncSecret.get_info(made.name, **where)).secret_id == made.secret_id
        assert await AsyncSecret.destroy(made.name, **where) is True

    asyncio.run(go())
