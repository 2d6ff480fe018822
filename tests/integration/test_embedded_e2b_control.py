"""The embedded endpoint's control plane, driven by the genuine SDK: boxes made, found, timed, ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from e2b import AsyncSandbox, Sandbox, SandboxQuery, Template
from e2b.exceptions import (
    AuthenticationException,
    SandboxException,
    SandboxNotFoundException,
    SandboxNotRunningException,
)

from runner.embedded.e2b.launch import Endpoint

pytestmark = pytest.mark.integration


@pytest.fixture
def where(embedded_e2b: Endpoint) -> dict[str, Any]:
    return {
        "api_url": embedded_e2b.api_url,
        "sandbox_url": embedded_e2b.sandbox_url,
        "api_key": embedded_e2b.api_key,
        "retries": 0,
    }


async def _all(where: dict[str, Any], limit: int, **query: Any) -> list[list[str]]:
    pages = AsyncSandbox.list(query=SandboxQuery(**query), limit=limit, **where)
    found = []
    while pages.has_next:
        found.append([info.sandbox_id for info in await pages.next_items()])
    return found


def test_a_box_is_created_described_and_killed(where: dict[str, Any]) -> None:
    async def go() -> None:
        before = time.time()
        box = await AsyncSandbox.create(timeout=120, metadata={"run": "r1"}, envs={"GREETING": "hi"}, **where)
        info = await box.get_info()
        assert info.sandbox_id == box.sandbox_id
        assert info.metadata == {"run": "r1"}
        assert info.state.value == "running"
        assert 110 < (info.end_at - info.started_at).total_seconds() < 130
        assert info.started_at.timestamp() >= before - 1
        assert info.cpu_count >= 1
        assert info.memory_mb > 0
        assert await box.is_running()
        assert (await box.commands.run("echo $GREETING")).stdout == "hi\n"
        assert await box.kill() is True
        assert await box.kill() is False
        assert await box.is_running() is False
        with pytest.raises(SandboxNotFoundException):
            await box.get_info()
        with pytest.raises(SandboxNotFoundException):
            await box.set_timeout(10)
        with pytest.raises(SandboxNotFoundException):
            await AsyncSandbox.connect(box.sandbox_id, **where)
        with pytest.raises(SandboxNotRunningException):
            await box.commands.run("true")
        with pytest.raises(SandboxNotRunningException):
            await box.files.read("x")

    asyncio.run(go())


def test_boxes_are_listed_by_label_in_pages(where: dict[str, Any]) -> None:
    async def go() -> None:
        boxes = [
            await AsyncSandbox.create(timeout=60, metadata={"set": "a b&c", "n": str(n)}, **where) for n in range(3)
        ]
        other = await AsyncSandbox.create(timeout=60, metadata={"set": "other"}, **where)
        newest_first = [box.sandbox_id for box in reversed(boxes)]
        assert await _all(where, 2, metadata={"set": "a b&c"}) == [newest_first[:2], newest_first[2:]]
        assert await _all(where, 100, metadata={"set": "a b&c", "n": "1"}) == [[boxes[1].sandbox_id]]
        pages = AsyncSandbox.list(query=SandboxQuery(metadata={"set": "a b&c"}), limit=1, order="asc", **where)
        assert [info.sandbox_id for info in await pages.next_items()] == newest_first[-1:]
        await boxes.pop(0).kill()
        assert [info.sandbox_id for info in await pages.next_items()] == [boxes[0].sandbox_id], "the first has gone"
        everything = await _all(where, 100)
        assert {*newest_first[:-1], other.sandbox_id} <= set(everything[0])
        for box in [*boxes, other]:
            await box.kill()
        assert await _all(where, 100, metadata={"set": "a b&c"}) == [[]]

    asyncio.run(go())


def test_a_box_ends_when_its_time_is_over(where: dict[str, Any]) -> None:
    async def go() -> None:
        box = await AsyncSandbox.create(timeout=1, **where)
        running = await box.commands.run("sleep 60", background=True, timeout=0)
        started = time.monotonic()
        with pytest.raises(SandboxNotRunningException):
            await running.wait()
        assert time.monotonic() - started < 10
        assert await box.is_running() is False

    asyncio.run(go())


def test_the_time_of_a_box_can_be_changed(where: dict[str, Any]) -> None:
    async def go() -> None:
        box = await AsyncSandbox.create(timeout=2, **where)
        await box.set_timeout(100)
        later = (await box.get_info()).end_at
        assert 90 < later.timestamp() - time.time() < 110
        again = await AsyncSandbox.connect(box.sandbox_id, timeout=20, **where)
        assert (await again.get_info()).end_at == later, "connecting never shortens a box's time"
        await AsyncSandbox.connect(box.sandbox_id, **where)
        assert 290 < (await box.get_info()).end_at.timestamp() - time.time() <= 300, "so long, if nothing is said"
        await AsyncSandbox.connect(box.sandbox_id, timeout=500, **where)
        assert (await box.get_info()).end_at.timestamp() - time.time() > 400
        assert (await again.commands.run("echo same box")).stdout == "same box\n"
        await box.set_timeout(0)
        await asyncio.sleep(0.2)
        assert await box.is_running() is False

    asyncio.run(go())


def test_metrics_show_what_a_box_uses(where: dict[str, Any]) -> None:
    async def go() -> None:
        box = await AsyncSandbox.create(timeout=60, **where)
        await box.files.write("big", b"x" * 3_000_000)
        await box.commands.run("timeout 0.6 bash -c 'while :; do :; done' || true")
        sample = (await box.get_metrics())[-1]
        assert sample.cpu_used_pct > 5
        assert 1_000_000 < sample.mem_used < sample.mem_total
        assert 3_000_000 <= sample.disk_used < sample.disk_total
        await box.kill()

    asyncio.run(go())


def test_a_wrong_key_is_refused(where: dict[str, Any]) -> None:
    async def go() -> None:
        with pytest.raises(AuthenticationException):
            await AsyncSandbox.create(**{**where, "api_key": "e2b_wrong"})

    asyncio.run(go())


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        ({"template": "no-such"}, 404, "no-such"),
        ({"timeout": 10_000_000}, 400, "Timeout"),
        ({"timeout": -1}, 400, "timeout"),
    ],
)
def test_a_bad_request_says_what_is_wrong(where: dict[str, Any], words: dict[str, Any], status: int, says: str) -> None:
    async def go() -> None:
        with pytest.raises(SandboxException, match=says) as caught:
            await AsyncSandbox.create(**words, **where)
        assert caught.value.status_code == status

    asyncio.run(go())


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/no/such/route", None, 404),
        ("POST", "/sandboxes", b"{not json", 400),
        ("POST", "/sandboxes", b'{"templateID": "base", "metadata": {"a": 1}}', 400),
        ("POST", "/sandboxes", b'{"templateID": "base", "envVars": {"A": "\\ud800"}}', 400),
        ("POST", "/sandboxes", b'{"templateID": "base", "envVars": {"": "x"}}', 400),
        ("POST", "/secrets", b'{"name": "a", "value": "\\uD800"}', 400),
        ("POST", "/sandboxes", b'{"templateID": "base", "network": {"rules": {"a.b": [{"transform": 5}]}}}', 400),
        ("GET", "/v2/sandboxes?limit=0", None, 400),
        ("GET", "/v2/sandboxes?state=dead", None, 400),
        ("GET", "/v2/sandboxes?nextToken=%25", None, 400),
        ("GET", "/sandboxes/inotthere000000000000", None, 404),
        ("POST", "/sandboxes/inotthere000000000000/pause", b"{}", 404),
    ],
)
def test_raw_requests_get_errors_of_the_vendors_shape(
    embedded_e2b: Endpoint, method: str, path: str, body: bytes | None, status: int
) -> None:
    headers = {"X-API-KEY": embedded_e2b.api_key}
    answer = httpx.request(method, embedded_e2b.api_url + path, content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["code"] == status
    assert answer.json()["message"]


def test_a_snapshot_is_a_template_by_its_name_and_id(where: dict[str, Any]) -> None:
    control = {name: value for name, value in where.items() if name != "sandbox_url"}
    box = Sandbox.create(timeout=60, **where)
    name = f"taken-of-{box.sandbox_id}"
    assert not Template.exists(name, **control)
    box.create_snapshot(name=f"{name}:v1")
    assert Template.exists(name, **control)
    assert Sandbox.delete_snapshot(f"{name}:v1", **where)
    assert not Template.exists(name, **control)
    box.kill()


def test_the_same_idempotency_key_makes_one_box(embedded_e2b: Endpoint) -> None:
    headers = {"X-API-KEY": embedded_e2b.api_key, "Idempotency-Key": "attempt-1"}
    url = f"{embedded_e2b.api_url}/v2/sandboxes"
    body = {"templateID": "base", "timeout": 30}
    first, second = (httpx.post(url, json=body, headers=headers) for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.json()["sandboxID"] == second.json()["sandboxID"]
    assert httpx.post(url, json={**body, "timeout": 31}, headers=headers).status_code == 409


def test_a_box_needs_its_own_token(embedded_e2b: Endpoint, where: dict[str, Any]) -> None:
    one, two = (Sandbox.create(timeout=60, **where) for _ in range(2))
    for token in (None, "wrong", two._envd_access_token):
        headers = {"E2b-Sandbox-Id": one.sandbox_id, "E2b-Sandbox-Port": "49983"}
        if token:
            headers["X-Access-Token"] = token
        answer = httpx.get(f"{embedded_e2b.sandbox_url}/files?path=/etc/hostname", headers=headers)
        assert answer.status_code == 401
    one.kill()
    two.kill()


def test_a_signed_url_needs_no_headers(where: dict[str, Any]) -> None:
    box = Sandbox.create(timeout=60, **where)
    box.files.write("a b.txt", "signed")
    assert httpx.get(box.download_url("a b.txt")).text == "signed"
    assert httpx.get(box.download_url("a b.txt", use_signature_expiration=60)).text == "signed"
    assert httpx.get(box.download_url("a b.txt").replace("v1_", "v1_x")).status_code == 401
    assert httpx.get(box.download_url("a b.txt", use_signature_expiration=-5)).status_code == 401
    assert httpx.post(box.upload_url("up.txt"), files={"file": ("up.txt", b"sent")}).status_code == 200
    # A form's text field, as a page's `FormData` sends it, has no name of a file: the URL names it.
    assert httpx.post(box.upload_url("text.txt"), files={"file": (None, b"text")}).json() == [
        {"name": "text.txt", "type": "file", "path": "/home/user/text.txt"}
    ]
    assert box.files.read("text.txt") == "text"
    assert box.files.read("up.txt") == "sent"
    box.kill()


def _by_path(endpoint: Endpoint, box: Sandbox) -> tuple[str, dict[str, str]]:
    return f"{endpoint.url(box.sandbox_id, 8000)}/page.txt", {}


def _by_host(endpoint: Endpoint, box: Sandbox) -> tuple[str, dict[str, str]]:
    return f"{endpoint.sandbox_url}/page.txt", {"Host": box.get_host(8000)}


def _by_header(endpoint: Endpoint, box: Sandbox) -> tuple[str, dict[str, str]]:
    return f"{endpoint.sandbox_url}/page.txt", {"E2b-Sandbox-Id": box.sandbox_id, "E2b-Sandbox-Port": "8000"}


@pytest.mark.parametrize("way", [_by_path, _by_host, _by_header])
def test_a_web_server_in_a_box_is_reached_from_outside(
    embedded_e2b: Endpoint,
    where: dict[str, Any],
    way: Callable[[Endpoint, Sandbox], tuple[str, dict[str, str]]],
) -> None:
    box = Sandbox.create(timeout=60, **where)
    box.files.write("page.txt", "from inside")
    url, headers = way(embedded_e2b, box)
    shut = httpx.get(url, headers=headers)
    assert shut.status_code == 502
    assert "port is not open" in shut.json()["message"]
    person = {**headers, "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    page = httpx.get(url, headers=person)
    assert (page.status_code, page.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert "<title>Closed Port Error</title>" in page.text
    assert f"The sandbox {box.sandbox_id} is running but there is no service running on port 8000." in page.text
    box.commands.run("python3 -m http.server 8000", background=True, timeout=0)
    deadline = time.monotonic() + 20
    while (answer := httpx.get(url, headers=headers)).status_code == 502 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert (answer.status_code, answer.text) == (200, "from inside")
    assert httpx.get(url.replace("page.txt", "none.txt"), headers=headers).status_code == 404
    box.kill()
    assert "was not found" in httpx.get(url, headers=headers).json()["message"]
    page = httpx.get(url, headers=person)
    assert (page.status_code, "<title>Sandbox Not Found</title>" in page.text) == (502, True)
    browser = {"User-Agent": person["User-Agent"]}
    agents = httpx.get(f"{embedded_e2b.sandbox_url}/box/{box.sandbox_id}/49983/health", headers=browser)
    assert "was not found" in agents.json()["message"]  # the SDK in a page of a browser reads it
