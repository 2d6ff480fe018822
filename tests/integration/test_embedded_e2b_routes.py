"""Every function of the SDK's generated client has a route, and our answers are what its parsers expect."""

from __future__ import annotations

import asyncio
import pkgutil
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from e2b import AsyncSandbox, Sandbox, Template
from e2b.api.client import api
from e2b.api.client.api.sandboxes import (
    delete_sandboxes_sandbox_id,
    get_sandboxes,
    get_sandboxes_metrics,
    get_sandboxes_sandbox_id,
    get_sandboxes_sandbox_id_logs,
    get_sandboxes_sandbox_id_metrics,
    get_v2_sandboxes,
    get_v_2_sandboxes_sandbox_id_logs,
    post_sandboxes,
    post_sandboxes_sandbox_id_connect,
    post_sandboxes_sandbox_id_fork,
    post_sandboxes_sandbox_id_pause,
    post_sandboxes_sandbox_id_refreshes,
    post_sandboxes_sandbox_id_resume,
    post_sandboxes_sandbox_id_snapshots,
    post_sandboxes_sandbox_id_timeout,
    post_v2_sandboxes,
    post_v_2_sandboxes_sandbox_id_connect,
)
from e2b.api.client.api.snapshots import get_snapshots
from e2b.api.client.client import AuthenticatedClient
from e2b.api.client.models import (
    ConnectSandbox,
    ConnectSandboxV2,
    Error,
    LogLevel,
    LogsDirection,
    NewSandbox,
    NewSandboxV2,
    ResumedSandbox,
    SandboxForkRequest,
    SandboxLifecycle,
    SandboxPauseRequest,
    SandboxRefreshRequest,
    SandboxSnapshotRequest,
    SandboxState,
    SandboxTimeoutRequest,
)
from e2b.api.client.models import Sandbox as SandboxModel
from e2b.api.client.types import Response

from runner.embedded.e2b.launch import Endpoint

pytestmark = pytest.mark.integration

#: Functions of the client that no route of ours answers, each with the reason.
UNANSWERED: dict[str, str] = {}
T = TypeVar("T")
_URL = re.compile(r'"url": f?"([^"]+)"')
_METHOD = re.compile(r'"method": "([a-z]+)"')


def _functions() -> Iterator[tuple[str, str, str]]:
    """Name, method, and path of every function of the generated client."""
    for found in pkgutil.walk_packages(api.__path__, api.__name__ + "."):
        if found.ispkg:
            continue
        spec = found.module_finder.find_spec(found.name, None)
        assert spec is not None
        text = Path(str(spec.origin)).read_text()
        method, url = _METHOD.search(text), _URL.search(text)
        assert method, found.name
        assert url, found.name
        yield found.name.rpartition(".")[2], method[1].upper(), re.sub(r"\{[^}]+\}", "nothing0000000000000", url[1])


def test_every_function_of_the_client_has_a_route(embedded_e2b: Endpoint) -> None:
    headers = {"X-API-KEY": embedded_e2b.api_key}
    missing, seen = [], set()
    for name, method, path in _functions():
        seen.add(name)
        answer = httpx.request(method, embedded_e2b.api_url + path, headers=headers, content=b"{}")
        if "no such route" in answer.text or answer.status_code in (405, 501):
            missing.append(name)
    assert len(seen) > 40
    assert sorted(missing) == sorted(UNANSWERED)


@pytest.fixture
def client(embedded_e2b: Endpoint) -> Iterator[AuthenticatedClient]:
    """The generated client itself: every answer goes through its parsers."""
    made = AuthenticatedClient(
        base_url=embedded_e2b.api_url,
        token=embedded_e2b.api_key,
        auth_header_name="X-API-KEY",
        prefix="",
        raise_on_unexpected_status=True,
    )
    with made:
        yield made


def _good(parsed: T | Error | None) -> T:
    assert parsed is not None
    assert not isinstance(parsed, Error), parsed.message
    return parsed


def _made(client: AuthenticatedClient, **words: Any) -> str:
    answer = post_v2_sandboxes.sync_detailed(client=client, body=NewSandboxV2(template_id="base", timeout=60, **words))
    assert answer.status_code == 201
    assert isinstance(answer.parsed, SandboxModel)
    return answer.parsed.sandbox_id


def test_a_life_by_the_generated_client(client: AuthenticatedClient) -> None:
    name = _made(client, metadata={"why": "routes"}, env_vars={"A": "1"})
    detail = _good(get_sandboxes_sandbox_id.sync(name, client=client))
    assert (detail.state, detail.metadata) == (SandboxState.RUNNING, {"why": "routes"})
    assert (
        post_sandboxes_sandbox_id_timeout.sync_detailed(
            name, client=client, body=SandboxTimeoutRequest(timeout=90)
        ).status_code
        == 204
    )
    assert (
        post_sandboxes_sandbox_id_refreshes.sync_detailed(
            name, client=client, body=SandboxRefreshRequest(duration=200)
        ).status_code
        == 204
    )
    later = _good(get_sandboxes_sandbox_id.sync(name, client=client))
    assert later.end_at.timestamp() - time.time() > 150
    connect = post_v_2_sandboxes_sandbox_id_connect.sync_detailed(name, client=client, body=ConnectSandboxV2())
    assert connect.status_code == 200, "a running box is only connected to"
    assert (
        post_sandboxes_sandbox_id_resume.sync_detailed(name, client=client, body=ResumedSandbox()).status_code == 409
    ), "v1: a running box cannot be resumed"
    pause = SandboxPauseRequest()
    assert post_sandboxes_sandbox_id_pause.sync_detailed(name, client=client, body=pause).status_code == 204
    assert post_sandboxes_sandbox_id_pause.sync_detailed(name, client=client, body=pause).status_code == 409
    paused = _good(get_sandboxes_sandbox_id.sync(name, client=client))
    assert (paused.state, paused.pause_mode) == (SandboxState.PAUSED, "full")
    fork = post_sandboxes_sandbox_id_fork.sync_detailed(name, client=client, body=SandboxForkRequest())
    assert fork.status_code == 409, "a paused box cannot be forked"
    again = post_sandboxes_sandbox_id_connect.sync_detailed(name, client=client, body=ConnectSandbox(timeout=60))
    assert again.status_code == 201, "a paused box was resumed"
    assert delete_sandboxes_sandbox_id.sync_detailed(name, client=client).status_code == 204
    gone = delete_sandboxes_sandbox_id.sync_detailed(name, client=client)
    assert gone.status_code == 404
    assert isinstance(gone.parsed, Error)
    assert "killed by a request" in gone.parsed.message


def test_what_is_not_there_is_404_everywhere(client: AuthenticatedClient) -> None:
    name = "inotthere00000000000"
    answers: list[Response[Any]] = [
        get_sandboxes_sandbox_id.sync_detailed(name, client=client),
        delete_sandboxes_sandbox_id.sync_detailed(name, client=client),
        get_sandboxes_sandbox_id_logs.sync_detailed(name, client=client),
        get_v_2_sandboxes_sandbox_id_logs.sync_detailed(name, client=client),
        get_sandboxes_sandbox_id_metrics.sync_detailed(name, client=client),
        post_sandboxes_sandbox_id_connect.sync_detailed(name, client=client, body=ConnectSandbox(timeout=1)),
        post_v_2_sandboxes_sandbox_id_connect.sync_detailed(name, client=client, body=ConnectSandboxV2()),
        post_sandboxes_sandbox_id_fork.sync_detailed(name, client=client, body=SandboxForkRequest()),
        post_sandboxes_sandbox_id_pause.sync_detailed(name, client=client, body=SandboxPauseRequest()),
        post_sandboxes_sandbox_id_refreshes.sync_detailed(name, client=client, body=SandboxRefreshRequest()),
        post_sandboxes_sandbox_id_resume.sync_detailed(name, client=client, body=ResumedSandbox()),
        post_sandboxes_sandbox_id_snapshots.sync_detailed(name, client=client, body=SandboxSnapshotRequest()),
        post_sandboxes_sandbox_id_timeout.sync_detailed(name, client=client, body=SandboxTimeoutRequest(timeout=1)),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert all(isinstance(answer.parsed, Error) for answer in answers)


def test_lists_by_v1_and_v2(client: AuthenticatedClient) -> None:
    mark = {"lists": uuid.uuid4().hex}
    running, paused = _made(client, metadata=mark), _made(client, metadata=mark)
    post_sandboxes_sandbox_id_pause.sync_detailed(paused, client=client, body=SandboxPauseRequest(memory=False))
    query = f"lists={mark['lists']}"
    v1 = _good(get_sandboxes.sync(client=client, metadata=query))
    assert [each.sandbox_id for each in v1] == [running], "v1 lists running boxes only"
    found: dict[str, list[str]] = {}
    for word, states in (("both", [SandboxState.RUNNING, SandboxState.PAUSED]), ("paused", [SandboxState.PAUSED])):
        listed = _good(get_v2_sandboxes.sync(client=client, metadata=query, state=states, template="base"))
        found[word] = [each.sandbox_id for each in listed]
    assert found == {"both": [paused, running], "paused": [paused]}
    for name in (running, paused):
        assert delete_sandboxes_sandbox_id.sync_detailed(name, client=client).status_code == 204


def test_metrics_of_many_boxes(client: AuthenticatedClient) -> None:
    one, two = _made(client), _made(client)
    answer = _good(get_sandboxes_metrics.sync(client=client, sandbox_ids=[one, two, "inotthere00000000000"]))
    assert set(answer.sandboxes) == {one, two}
    assert answer.sandboxes[one]["memTotal"] > 0
    series = get_sandboxes_sandbox_id_metrics.sync(one, client=client, start=int(time.time()) + 100)
    assert series == [], "samples are cut to the time asked for"
    for name in (one, two):
        delete_sandboxes_sandbox_id.sync_detailed(name, client=client)


def test_logs_tell_the_life_of_a_box_even_when_it_is_over(client: AuthenticatedClient) -> None:
    name = _made(client)
    for memory in (True, False):
        post_sandboxes_sandbox_id_pause.sync_detailed(name, client=client, body=SandboxPauseRequest(memory=memory))
        post_v_2_sandboxes_sandbox_id_connect.sync_detailed(name, client=client, body=ConnectSandboxV2())
    delete_sandboxes_sandbox_id.sync_detailed(name, client=client)
    v1 = _good(get_sandboxes_sandbox_id_logs.sync(name, client=client))
    said = [each.line for each in v1.logs]
    assert said == ["sandbox created", *["sandbox paused", "sandbox resumed"] * 2]
    back = _good(get_v_2_sandboxes_sandbox_id_logs.sync(name, client=client, direction=LogsDirection.BACKWARD, limit=2))
    assert [each.message for each in back.logs] == ["sandbox resumed", "sandbox paused"]
    cursor = int(v1.logs[1].timestamp.timestamp() * 1000)
    ahead = _good(get_v_2_sandboxes_sandbox_id_logs.sync(name, client=client, cursor=cursor, search="paused"))
    assert [each.message for each in ahead.logs] == ["sandbox paused"] * 2
    errors = _good(get_v_2_sandboxes_sandbox_id_logs.sync(name, client=client, level=LogLevel.ERROR))
    assert errors.logs == []


def test_logs_hold_what_a_start_command_says(client: AuthenticatedClient, embedded_e2b: Endpoint) -> None:
    where: dict[str, Any] = {"api_url": str(client._base_url), "api_key": client.token}
    template = Template().from_base_image().set_start_cmd("echo serving; sleep 1; echo and on; exit 3", "true")
    built = Template.build(template, f"logs-{uuid.uuid4().hex[:8]}", **where)
    box = Sandbox.create(built.template_id, timeout=60, sandbox_url=embedded_e2b.sandbox_url, **where)
    wanted = [
        ("info", "sandbox created"), ("info", "serving"), ("info", "and on"),
        ("error", "the start command ended with exit code 3"),
    ]  # fmt: skip
    deadline = time.monotonic() + 20
    said: list[tuple[str, str]] = []
    while len(said) < len(wanted) and time.monotonic() < deadline:
        logs = _good(get_v_2_sandboxes_sandbox_id_logs.sync(box.sandbox_id, client=client)).logs
        said = [(each.level.value, each.message) for each in logs]
        time.sleep(0.1)
    assert sorted(said) == sorted(wanted)
    box.kill()


def test_snapshots_in_pages(client: AuthenticatedClient) -> None:
    name = _made(client)
    wanted = [
        _good(post_sandboxes_sandbox_id_snapshots.sync(name, client=client, body=SandboxSnapshotRequest())).snapshot_id
        for _ in range(3)
    ]
    first = get_snapshots.sync_detailed(client=client, sandbox_id=name, limit=2)
    rest = get_snapshots.sync_detailed(
        client=client, sandbox_id=name, limit=2, next_token=first.headers["x-next-token"]
    )
    assert [each.snapshot_id for each in (*_good(first.parsed), *_good(rest.parsed))] == wanted[::-1]
    assert "x-next-token" not in rest.headers
    assert Sandbox.delete_snapshot(wanted.pop(1), api_url=str(client._base_url), api_key=client.token)
    again = get_snapshots.sync(client=client, sandbox_id=name, limit=2, next_token=first.headers["x-next-token"])
    assert [each.snapshot_id for each in _good(again)] == wanted[:1], "though the one before the page has gone"
    for each in wanted:
        assert Sandbox.delete_snapshot(each, api_url=str(client._base_url), api_key=client.token)
    delete_sandboxes_sandbox_id.sync_detailed(name, client=client)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"mcp": {"browser": {}}}, "MCP"),
        ({"templateID": ""}, "templateID"),
        ({"envVars": {"A=B": "c"}}, "envVars"),
        ({"autoPause": "yes"}, "autoPause"),
        ({"autoResume": {"enabled": True}}, "autoPause"),
        ({"autoPause": True, "autoPauseMemory": False, "autoResume": {"enabled": True}}, "autoPauseMemory"),
    ],
)
def test_what_cannot_be_is_said(embedded_e2b: Endpoint, asked: dict[str, Any], says: str) -> None:
    headers = {"X-API-KEY": embedded_e2b.api_key}
    body = {"templateID": "base", **asked}
    answer = httpx.post(f"{embedded_e2b.api_url}/v2/sandboxes", json=body, headers=headers)
    assert answer.status_code == 400
    assert says in answer.json()["message"]


def test_older_words_for_waking_are_taken(client: AuthenticatedClient) -> None:
    body = {"templateID": "base", "timeout": 30, "autoPause": True, "autoResume": {"policy": "any"}}
    name = client.get_httpx_client().post("/sandboxes", json=body).json()["sandboxID"]
    lifecycle = _good(get_sandboxes_sandbox_id.sync(name, client=client)).lifecycle
    assert isinstance(lifecycle, SandboxLifecycle)
    assert lifecycle.to_dict() == {"autoResume": True, "onTimeout": "pause"}
    delete_sandboxes_sandbox_id.sync_detailed(name, client=client)


def test_v1_creates_too(client: AuthenticatedClient) -> None:
    made = post_sandboxes.sync(client=client, body=NewSandbox(template_id="base"))
    assert isinstance(made, SandboxModel)
    detail = _good(get_sandboxes_sandbox_id.sync(made.sandbox_id, client=client))
    assert 10 < detail.end_at.timestamp() - time.time() <= 15, "v1 gives 15 s"
    delete_sandboxes_sandbox_id.sync_detailed(made.sandbox_id, client=client)


def test_the_asynchronous_client_parses_the_same(embedded_e2b: Endpoint) -> None:
    async def go() -> None:
        where: dict[str, Any] = {
            "api_url": embedded_e2b.api_url, "sandbox_url": embedded_e2b.sandbox_url, "api_key": embedded_e2b.api_key,
        }  # fmt: skip
        box = await AsyncSandbox.create(timeout=60, lifecycle={"on_timeout": "pause", "auto_resume": True}, **where)
        info = await box.get_info()
        assert info.lifecycle == {"on_timeout": "pause", "auto_resume": True}
        assert await box.get_metrics()
        (fork,) = await box.fork(timeout=30)
        assert isinstance(fork, AsyncSandbox)
        assert (await fork.get_info()).template_id == info.template_id
        snapshot = await box.create_snapshot()
        pages = AsyncSandbox.list_snapshots(sandbox_id=box.sandbox_id, **where)
        assert [each.snapshot_id for each in await pages.next_items()] == [snapshot.snapshot_id]
        assert await AsyncSandbox.delete_snapshot(snapshot.snapshot_id, **where) is True
        assert await AsyncSandbox.delete_snapshot(snapshot.snapshot_id, **where) is False
        for each in (fork, box):
            assert await each.kill()

    asyncio.run(go())
