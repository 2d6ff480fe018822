"""The two servers: who gets what, with which headers, and how an engine is made to fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from runner.embedded.webcontainer import pages
from runner.embedded.webcontainer.launch import Endpoint, Ticket, launch
from runner.embedded.webcontainer.settings import Policy, Settings
from runner.errors import BoxGone, ServiceError, UsageError


@asynccontextmanager
async def served(
    web: Path, settings: Settings | None = None, policy: Policy | None = None
) -> AsyncIterator[tuple[Endpoint, Ticket, httpx.AsyncClient]]:
    async with (
        launch(settings or Settings(), web) as endpoint,
        httpx.AsyncClient(trust_env=False, timeout=10) as client,
    ):
        yield endpoint, endpoint.container(policy or Policy()), client


async def at_engine(
    endpoint: Endpoint, ticket: Ticket, client: httpx.AsyncClient, path: str, **more: str
) -> httpx.Response:
    place, port = endpoint.engine_address
    host = ticket.engine_origin.removeprefix("http://")
    return await client.get(f"http://{place}:{port}{path}", headers={"Host": host, **more})


def rule(answer: httpx.Response, name: str) -> str:
    rules = dict(each.strip().partition(" ")[::2] for each in answer.headers["content-security-policy"].split(";"))
    return rules[name]


def test_pages_and_scripts_are_isolated(web: Path) -> None:
    async def go() -> None:
        async with served(web) as (endpoint, ticket, client):
            page = await client.get(ticket.page_url)
            assert page.status_code == 200
            assert page.headers["cross-origin-opener-policy"] == "same-origin"
            assert page.headers["cross-origin-embedder-policy"] == "require-corp"
            assert rule(page, "frame-src") == ticket.engine_origin
            script = await client.get(f"{endpoint.host_origin}/page.js")
            assert (script.text, script.headers["cross-origin-resource-policy"]) == ("// host/page.js\n", "same-origin")
            document = await at_engine(endpoint, ticket, client, "/headless?version=1.6.4")
            process = await at_engine(endpoint, ticket, client, "/process.js")
            for answer in (document, process):
                assert answer.status_code == 200
                assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
                assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
                assert answer.headers["origin-agent-cluster"] == "?1"
                assert rule(answer, "frame-ancestors") == endpoint.host_origin
            assert process.text == "// engine/process.js\n"

    asyncio.run(go())


@pytest.mark.parametrize(
    ("policy", "more"),
    [
        (Policy(), ""),
        (
            Policy(network=("example.com", "*.example.org")),
            " https://example.com wss://example.com https://*.example.org",
        ),
        (Policy(network="*"), " *"),
    ],
)
def test_what_a_container_may_reach_stands_in_every_script_of_its_engine(web: Path, policy: Policy, more: str) -> None:
    async def go() -> None:
        async with served(web, policy=policy) as (endpoint, ticket, client):
            for path in ("/headless", "/frame.js", "/process.js", "/none.js", "/not/there", "/__runner/npm"):
                words = rule(await at_engine(endpoint, ticket, client, path), "connect-src").split()
                own = ticket.engine_origin.replace("http", "ws", 1)
                assert words[:2] == ["'self'", own]
                assert set(more.split()) <= set(words[2:])
                assert bool(more) == bool(words[2:])

    asyncio.run(go())


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a/b", "a\nb", "a\x00", "a\\b", "ä.example"])
def test_a_network_is_made_of_names(name: str) -> None:
    with pytest.raises(UsageError, match="no host name"):
        Policy(network=(name,))


def test_each_container_has_an_origin_of_its_own(web: Path) -> None:
    async def go() -> None:
        async with served(web) as (endpoint, ticket, client):
            other = endpoint.container()
            assert len({ticket.engine_origin, other.engine_origin, ticket.page_url, other.page_url}) == 4
            assert ticket.token not in ticket.page_url
            other.close()
            assert (await at_engine(endpoint, other, client, "/headless")).status_code == 421
            assert (await client.get(other.page_url)).status_code == 404
            assert (await at_engine(endpoint, ticket, client, "/headless")).status_code == 200

    asyncio.run(go())


def test_no_other_name_of_this_machine_is_answered(web: Path) -> None:
    async def go() -> None:
        async with served(web) as (endpoint, ticket, client):
            place, port = endpoint.engine_address
            for host in (
                f"{place}:{port}",
                f"localhost:{port}",
                f"evil.example:{port}",
                f"{ticket.token}.evil.example:{port}",
            ):
                answer = await client.get(f"http://{place}:{port}/headless", headers={"Host": host})
                assert answer.status_code == 421
            path = ticket.page_url.removeprefix(endpoint.host_origin)
            own = endpoint.host_origin.removeprefix("http://127.0.0.1")
            answer = await client.get(f"{endpoint.host_origin}{path}", headers={"Host": f"evil.example{own}"})
            assert answer.status_code == 404

    asyncio.run(go())


def test_files_go_in_once_and_out_once(web: Path) -> None:
    async def go() -> None:
        async with served(web) as (endpoint, ticket, client):
            path = ticket.offer(b"\x82tree")
            url = f"{endpoint.host_origin}{path}"
            assert (await client.get(url, headers={"Sec-Fetch-Site": "cross-site"})).status_code == 404
            assert (await client.get(url, headers={"Origin": ticket.engine_origin})).status_code == 404
            assert (await client.get(url, headers={"Sec-Fetch-Site": "same-origin"})).content == b"\x82tree"
            assert (await client.get(url)).status_code == 404
            path, body = ticket.expect()
            url = f"{endpoint.host_origin}{path}"
            assert (await client.put(url, content=b"x", headers={"Origin": ticket.engine_origin})).status_code == 404
            assert (await client.put(url, content=b"out", headers={"Origin": endpoint.host_origin})).status_code == 204
            assert await body == b"out"
            assert (await client.put(url, content=b"again")).status_code == 404

    asyncio.run(go())


def test_who_waits_for_files_of_a_closed_container_is_told(web: Path) -> None:
    async def go() -> None:
        async with served(web) as (_, ticket, _client):
            _, body = ticket.expect()
            ticket.close()
            with pytest.raises(BoxGone):
                await body

    asyncio.run(go())


def test_only_our_own_page_may_look_at_the_engine_s_answers(web: Path) -> None:
    async def go() -> None:
        async with served(web) as (endpoint, ticket, client):
            own = await at_engine(endpoint, ticket, client, "/headless", Origin=endpoint.host_origin)
            assert own.headers["access-control-allow-origin"] == endpoint.host_origin
            other = await at_engine(endpoint, ticket, client, "/headless", Origin="http://evil.example")
            assert "access-control-allow-origin" not in other.headers

    asyncio.run(go())


def test_npm_is_for_the_engine_alone(web: Path) -> None:
    async def go() -> None:
        async with served(web) as (endpoint, ticket, client):
            place, port = endpoint.engine_address
            host = ticket.engine_origin.removeprefix("http://")
            for origin in ({}, {"Origin": endpoint.host_origin}, {"Origin": ticket.preview(3000)}):
                answer = await client.post(
                    f"http://{place}:{port}/__runner/npm", content=b"{}", headers={"Host": host, **origin}
                )
                assert answer.status_code == 403

    asyncio.run(go())


def test_pages_without_isolation_say_nothing_of_it(web: Path) -> None:
    async def go() -> None:
        async with served(web, Settings(isolated=False)) as (endpoint, ticket, client):
            page = await client.get(ticket.page_url)
            document = await at_engine(endpoint, ticket, client, "/headless")
            for answer in (page, document):
                assert answer.status_code == 200
                assert "cross-origin-opener-policy" not in answer.headers
                assert "cross-origin-embedder-policy" not in answer.headers

    asyncio.run(go())


def test_an_engine_fails_as_it_was_told_to(web: Path) -> None:
    async def go() -> None:
        async with served(web, Settings(fault="503")) as (endpoint, ticket, client):
            answer = await at_engine(endpoint, ticket, client, "/headless", Origin=endpoint.host_origin)
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (503, endpoint.host_origin)
            assert (await client.get(ticket.page_url)).status_code == 200
        async with served(web, Settings(fault="drop")) as (endpoint, ticket, client):
            with pytest.raises(httpx.TransportError):
                await at_engine(endpoint, ticket, client, "/headless")
        async with served(web, Settings(fault="hang")) as (endpoint, ticket, client):
            client.timeout = httpx.Timeout(0.3)
            with pytest.raises(httpx.ReadTimeout):
                await at_engine(endpoint, ticket, client, "/headless")
        async with served(web, Settings(fault="refuse")) as (endpoint, ticket, client):
            with pytest.raises(httpx.ConnectError):
                await at_engine(endpoint, ticket, client, "/headless")
        async with served(web, Settings(fault="blocked")) as (endpoint, ticket, client):
            assert rule(await at_engine(endpoint, ticket, client, "/headless"), "frame-ancestors") == "'none'"
        async with served(web, Settings(fault="uncorp")) as (endpoint, ticket, client):
            answer = await at_engine(endpoint, ticket, client, "/headless")
            assert "cross-origin-resource-policy" not in answer.headers

    asyncio.run(go())


def test_wrong_settings_are_named() -> None:
    with pytest.raises(UsageError, match="burn is no fault of the engine"):
        Settings(fault="burn")
    for name in ("", "a b", "a;script-src *", "https://example.com/x"):
        with pytest.raises(UsageError, match="is no host name"):
            Policy(network=(name,))


def test_a_port_that_is_taken_is_named(web: Path) -> None:
    async def go() -> None:
        async with launch(Settings(), web) as first:
            taken = first.engine_address[1]
            with pytest.raises(ServiceError, match=f"port {taken} on 127.0.0.1 cannot be had"):
                async with launch(Settings(engine_port=taken), web):
                    pass

    asyncio.run(go())


def test_what_is_not_built_is_named(web: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert pages.absent(web) == ""
    (web / "engine" / "process.js").unlink()
    assert pages.absent(web) == "engine/process.js"
    monkeypatch.setattr(pages, "_PACKAGE", tmp_path / "nowhere" / "runner")
    with pytest.raises(ServiceError, match=r"are not built: .*host/page\.js is missing") as raised:
        pages.built()
    assert "make web" in raised.value.hint


def test_a_wish_for_packages_that_has_no_end_is_not_taken_in(web: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 2**20

    async def go() -> None:
        async with served(web) as (endpoint, ticket, client):
            place, port = endpoint.engine_address
            fields = {"Host": ticket.engine_origin.removeprefix("http://"), "Origin": ticket.engine_origin}
            request = client.build_request(
                "POST", f"http://{place}:{port}/__runner/npm", headers=fields, content=endless()
            )
            with suppress(httpx.NetworkError):  # it hangs up on who goes on sending, whose answer may then be lost
                assert (await client.send(request)).status_code == 413

    asyncio.run(go())
