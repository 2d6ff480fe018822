"""Secrets of the embedded endpoint, driven by the genuine SDK: values go in, and never come out."""

from __future__ import annotations

import asyncio
import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from e2b import AsyncSandbox, AsyncSecret, Secret
from e2b.exceptions import SecretException, SecretNotFoundException

from runner.embedded.e2b.front import certificates
from runner.embedded.e2b.launch import Endpoint, launch
from runner.embedded.e2b.settings import Settings

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


def test_secrets_can_be_destroyed_page_by_page(where: dict[str, Any]) -> None:
    made = {Secret.create(f"sweep-{n}-{uuid4()}", "v", **where).secret_id for n in range(5)}
    pages = Secret.list(limit=2, **where)
    while pages.has_next:
        for each in pages.next_items():
            if each.secret_id in made:
                Secret.destroy(each.secret_id, **where)
                made.remove(each.secret_id)
    assert not made


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


HOST = "127.0.0.2"  # loopback, but not the address that programs in a box take for their own


class _Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the Authorization that came."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        said = f"{self.path} {self.headers.get('Authorization')} {self.headers.get('X-Other')}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of an HTTPS server, whose authority the endpoints that start from now on trust."""
    key, root = certificates.make_authority(constrained=False)
    (tmp_path / "trusted.pem").write_bytes(certificates.bundled(root))
    (tmp_path / "leaf.pem").write_bytes(certificates.leaf(key, root, HOST, 1))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "leaf.pem")
    with http.server.ThreadingHTTPServer((HOST, 0), _Echo) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_box_uses_a_secret_that_it_never_sees(echo: int) -> None:
    fetch = f"python -c \"import urllib.request as u; print(u.urlopen('https://{HOST}:{echo}/a').read().decode())\""

    async def go() -> None:
        async with launch(Settings(egress=True, allow_private=True)) as endpoint:
            where: dict[str, Any] = {"api_url": endpoint.api_url, "api_key": endpoint.api_key}
            await AsyncSecret.create("token", "sk-hidden", **where)
            header = {"Authorization": f"Bearer {AsyncSecret.fill('token')}"}
            rules: Any = {HOST: [{"transform": {"headers": header}}]}
            box = await AsyncSandbox.create(network={"rules": rules}, sandbox_url=endpoint.sandbox_url, **where)
            try:
                assert (await box.commands.run(fetch)).stdout.strip() == "/a Bearer sk-hidden None"
                own = f"curl -sS -H 'Authorization: mine' -H 'X-Other: kept' https://{HOST}:{echo}/b"
                assert (await box.commands.run(own)).stdout == "/b Bearer sk-hidden kept\n"
                seen = await box.commands.run("env; cat /proc/self/environ; cat /opt/runner/bin/trusted.pem")
                assert "hidden" not in seen.stdout
                assert "PRIVATE" not in seen.stdout
                await AsyncSecret.update("token", "sk-renewed", **where)
                assert "Bearer sk-renewed" in (await box.commands.run(fetch)).stdout
                await AsyncSecret.update("token", "sk\r\nX-Other: forged", **where)
                forged = (await box.commands.run(f"curl -sS https://{HOST}:{echo}/")).stdout
                assert "the header Authorization holds a line break" in forged
                await AsyncSecret.destroy("token", **where)
                gone = await box.commands.run(f"curl -sS https://{HOST}:{echo}/")
                assert "there is no secret named 'token'" in gone.stdout
            finally:
                await box.kill()
            plain = await AsyncSandbox.create(sandbox_url=endpoint.sandbox_url, **where)
            try:
                said = await plain.commands.run(f"curl -sSk https://{HOST}:{echo}/c")
                assert said.stdout == "/c None None\n"
            finally:
                await plain.kill()

    asyncio.run(go())
