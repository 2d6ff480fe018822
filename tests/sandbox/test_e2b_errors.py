"""The error table: against the classes of the installed SDK, and over the wire.

`StandIn` is a stand-in for a provider in trouble: quotas, blocked teams and full disks cannot be provoked. It answers
the genuine SDK with the status codes and bodies that the service sends.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType

import e2b.exceptions
import e2b_code_interpreter
import e2b_desktop
import httpx
import pytest

from runner.errors import (
    BoxDiskFull,
    BoxError,
    BoxGone,
    CredentialRefused,
    FileMissing,
    NoCapacity,
    ProviderBlocked,
    ProviderError,
    ProviderOffline,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    SandboxMissing,
    SessionTooLong,
)
from runner.run.ports import Box, BoxRequest, Command
from runner.sandbox.e2b import E2BSandbox
from runner.sandbox.e2b_errors import TABLE, meaning, translated

KEY = "e2b_0123456789abcdef0123456789abcdef01234567"
MADE = {
    "templateID": "base",
    "sandboxID": "i0123456789abcdefghi",
    "clientID": "x",
    "envdVersion": "0.6.2",
    "envdAccessToken": "token-of-the-box",
    "domain": "localhost",
}
#: No waiting in tests: the SDK does not repeat what is marked so.
ONCE = {"Should-Retry": "false"}


class StandIn(ThreadingHTTPServer):
    """Answers the n-th request of a kind ("POST /v2/sandboxes") with the n-th answer listed, the last for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, list[tuple[int, object, dict[str, str]]]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.asked = threading.Event()
        self.hold = threading.Event()
        self.hold.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, kind: str, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        self.answers.setdefault(kind, []).append((status, body, headers or {}))

    def makes_boxes(self) -> None:
        self.answer("POST /v2/sandboxes", 201, MADE)

    def sandbox(self) -> E2BSandbox:
        return E2BSandbox(KEY, self.url, self.url)

    def requests(self, kind: str) -> list[dict[str, str]]:
        return [headers for seen, headers in self.seen if seen == kind]


class _Handler(BaseHTTPRequestHandler):
    server: StandIn

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        kind = f"{self.command} {self.path.partition('?')[0]}"
        self.server.seen.append((kind, {name.lower(): value for name, value in self.headers.items()}))
        self.server.asked.set()
        self.server.hold.wait(20)
        listed = self.server.answers.get(kind, [(404, {"code": 404, "message": f"no answer for {kind}"}, {})])
        status, body, headers = listed.pop(0) if len(listed) > 1 else listed[0]
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/html" if isinstance(body, bytes) else "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_DELETE = _serve

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[StandIn]:
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.hold.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_exception_of_the_sdk_is_in_the_table() -> None:
    classes = {
        name for name, value in vars(e2b.exceptions).items() if isinstance(value, type) and issubclass(value, Exception)
    }
    assert len(classes) >= 20
    assert {f"e2b.{name}" for name in classes} - TABLE.keys() == set()
    exported = {name for name, value in vars(e2b).items() if isinstance(value, type) and issubclass(value, Exception)}
    # CommandExitException is a result here, never an error.
    assert {f"e2b.{name}" for name in exported - {"CommandExitException"}} - TABLE.keys() == set()


@pytest.mark.parametrize("package", [e2b_code_interpreter, e2b_desktop], ids=lambda package: package.__name__)
def test_the_sdks_above_it_add_no_exception_that_is_not_in_the_table(package: ModuleType) -> None:
    root = package.__name__
    added = {
        f"{root}.{name}"
        for module in [module for name, module in sys.modules.items() if name.partition(".")[0] == root]
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, BaseException) and value.__module__.startswith(root)
    }
    assert added - TABLE.keys() == set()


def test_the_table_names_only_classes_that_exist() -> None:
    named = {name.removeprefix("e2b.") for name in TABLE if name.startswith("e2b.")}
    assert {name for name in named if not hasattr(e2b.exceptions, name) and not hasattr(e2b, name)} == set()


@pytest.mark.parametrize(
    ("exc", "wanted"),
    [
        (e2b.exceptions.SandboxNotRunningException("x"), BoxGone),
        (e2b.exceptions.TimeoutException("x"), ProviderOffline),
        (e2b.exceptions.SandboxException("x", status_code=403), ProviderBlocked),
        (e2b.exceptions.SandboxException("x", status_code=500), ProviderOffline),
        (e2b.exceptions.SandboxException("x", status_code=400), RequestRefused),
        (e2b.exceptions.GitAuthException("x"), CredentialRefused),
        (httpx.ConnectError("x"), ProviderOffline),
        (httpx.ReadTimeout("x"), ProviderOffline),
        (ConnectionResetError("x"), ProviderOffline),
        (Exception("Command ended without an end event"), ProviderOffline),
        (ValueError("a mistake of our own"), None),
        (asyncio.CancelledError(), None),
    ],
)
def test_the_most_specific_class_decides(exc: BaseException, wanted: type[BoxError] | None) -> None:
    assert meaning(exc) is wanted


def test_messages_are_one_line_without_secrets_and_keep_the_cause() -> None:
    cause = e2b.exceptions.SandboxException(f"key {KEY}\nis wrong " + "x" * 1000)
    with pytest.raises(RequestRefused) as caught, translated("cannot do it", (KEY,)):
        raise cause
    assert KEY not in caught.value.message
    assert caught.value.message.startswith("cannot do it: key *** is wrong")
    assert len(caught.value.message) < 400
    assert "\n" not in caught.value.message
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        (429, {"code": 429, "message": "you have reached the maximum number of concurrent sandboxes"}, QuotaExhausted),
        (403, {"code": 403, "message": "team is blocked: usage limits"}, ProviderBlocked),
        (401, {"code": 401, "message": f"invalid API key {KEY}"}, CredentialRefused),
        (503, {"code": 503, "message": "no capacity"}, NoCapacity),
        (400, {"code": 400, "message": "Timeout cannot be greater than 1 hours"}, SessionTooLong),
        (429, {"code": 429, "message": "too many requests"}, RateLimited),
        (404, {"code": 404, "message": "template 'none' not found"}, RequestRefused),
        (500, {"code": 500, "message": "internal"}, ProviderOffline),
        (502, b"<html>Bad Gateway</html>", ProviderOffline),
        (504, {"code": 504, "message": "late"}, ProviderOffline),
        (200, b"<html>Welcome to another server</html>", ProviderOffline),
        (201, {"hello": "another server"}, ProviderOffline),
    ],
)
def test_trouble_when_making_a_box(service: StandIn, status: int, body: object, wanted: type[BoxError]) -> None:
    service.answer("POST /v2/sandboxes", status, body, ONCE)
    with pytest.raises(wanted) as caught:
        asyncio.run(service.sandbox().create(BoxRequest()))
    assert type(caught.value) is wanted
    assert service.url in caught.value.message, "where"
    assert KEY not in caught.value.message
    assert issubclass(wanted, ProviderError) != issubclass(wanted, RequestRefused)


def test_when_to_ask_again_is_carried_where_the_service_says_it(service: StandIn) -> None:
    service.answer("POST /v2/sandboxes", 429, {"code": 429, "message": "slow down"}, {**ONCE, "Retry-After": "7"})
    service.answer("POST /v2/sandboxes", 503, {"code": 503, "message": "full"}, {**ONCE, "Retry-After": "soon"})
    with pytest.raises(RateLimited) as limited:
        asyncio.run(service.sandbox().create(BoxRequest()))
    assert limited.value.retry_after == 7.0
    with pytest.raises(NoCapacity) as full:
        asyncio.run(service.sandbox().create(BoxRequest()))
    assert full.value.retry_after is None


@pytest.mark.parametrize(("words", "limit"), [("1 hours", 3600.0), ("24 hours", 86400.0), ("90 minutes", 5400.0)])
def test_the_longest_session_is_read_from_the_refusal(service: StandIn, words: str, limit: float) -> None:
    service.answer("POST /v2/sandboxes", 400, {"code": 400, "message": f"Timeout cannot be greater than {words}"})
    with pytest.raises(SessionTooLong) as caught:
        asyncio.run(service.sandbox().create(BoxRequest()))
    assert caught.value.limit == limit


def test_a_busy_service_is_asked_again_with_the_same_key(service: StandIn) -> None:
    service.answer("POST /v2/sandboxes", 503, {"code": 503, "message": "busy"})
    service.makes_boxes()
    assert asyncio.run(service.sandbox().create(BoxRequest())).id == MADE["sandboxID"]
    keys = {headers["idempotency-key"] for headers in service.requests("POST /v2/sandboxes")}
    assert len(service.requests("POST /v2/sandboxes")) == 2
    assert len(keys) == 1


def test_nothing_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ProviderOffline, match=url):
        asyncio.run(E2BSandbox(KEY, url, url).create(BoxRequest()))


def test_no_key_is_said_before_anything_is_sent() -> None:
    with pytest.raises(CredentialRefused, match="no E2B API key"):
        asyncio.run(E2BSandbox("").create(BoxRequest()))


def test_a_cancelled_create_frees_the_box_it_made(service: StandIn) -> None:
    service.makes_boxes()
    service.answer(f"DELETE /sandboxes/{MADE['sandboxID']}", 204, b"")
    service.hold.clear()

    async def scenario() -> None:
        task = asyncio.create_task(service.sandbox().create(BoxRequest()))
        await asyncio.to_thread(service.asked.wait, 20)
        task.cancel()
        await asyncio.sleep(0.05)
        service.hold.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert service.requests(f"DELETE /sandboxes/{MADE['sandboxID']}")


NOT_FOUND = {"sandboxId": MADE["sandboxID"], "message": "The sandbox was not found", "code": 502}
PORT_SHUT = {"sandboxId": MADE["sandboxID"], "message": "The sandbox is running but port is not open", "code": 502}


async def _read(box: Box) -> None:
    await box.read("file")


async def _write(box: Box) -> None:
    await box.write("file", b"data")


async def _run(box: Box) -> None:
    await box.run(Command("true"))


@pytest.mark.parametrize(
    ("kind", "status", "body", "call", "wanted"),
    [
        ("GET /files", 404, {"code": 404, "message": "path '/home/user/file' does not exist"}, _read, FileMissing),
        ("GET /files", 502, NOT_FOUND, _read, BoxGone),
        ("GET /files", 502, PORT_SHUT, _read, BoxGone),
        ("GET /files", 401, {"code": 401, "message": "bad token-of-the-box"}, _read, CredentialRefused),
        ("POST /files", 507, {"code": 507, "message": "not enough disk space"}, _write, BoxDiskFull),
        ("POST /files", 502, NOT_FOUND, _write, BoxGone),
        ("POST /process.Process/Start", 502, NOT_FOUND, _run, BoxGone),
        ("POST /process.Process/Start", 502, PORT_SHUT, _run, BoxGone),
    ],
)
def test_trouble_in_a_box(
    service: StandIn,
    kind: str,
    status: int,
    body: object,
    call: Callable[[Box], Awaitable[None]],
    wanted: type[BoxError],
) -> None:
    service.makes_boxes()
    service.answer(kind, status, body)

    async def scenario() -> None:
        await call(await service.sandbox().create(BoxRequest()))

    with pytest.raises(wanted) as caught:
        asyncio.run(scenario())
    assert type(caught.value) is wanted
    assert "token-of-the-box" not in caught.value.message


def test_an_endpoint_that_dies_is_not_the_steps_failure(service: StandIn) -> None:
    service.makes_boxes()

    async def scenario() -> None:
        box = await service.sandbox().create(BoxRequest())
        service.shutdown()
        service.server_close()
        with pytest.raises(ProviderOffline):
            await box.info()

    asyncio.run(scenario())


def test_what_is_needed_of_the_network_and_the_template_is_asked_for(service: StandIn) -> None:
    bodies: list[dict[str, object]] = []
    service.makes_boxes()
    sandbox = service.sandbox()

    async def scenario() -> None:
        some = {"network": {"allow": ["pypi.example"]}, "template": "mine"}
        for needs in ({}, some, {"network": "*"}):
            await sandbox.create(BoxRequest(needs=needs, timeout=12.3, labels={"run": "r"}, env={"A": "b"}))

    original = _Handler._serve

    def remember(self: _Handler) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        bodies.append(json.loads(raw))
        del self.headers["Content-Length"]
        original(self)

    _Handler.do_POST = remember  # type: ignore[method-assign]
    try:
        asyncio.run(scenario())
    finally:
        _Handler.do_POST = original  # type: ignore[method-assign]
    shut, listed, open_ = bodies
    assert shut["allow_internet_access"] is False
    assert listed["network"] == {"allowOut": ["pypi.example"], "denyOut": ["0.0.0.0/0"]}
    assert "network" not in open_ or not open_["network"]
    assert open_.get("allow_internet_access") in (None, True)
    assert [body["templateID"] for body in bodies] == ["base", "mine", "base"]
    assert {body["timeout"] for body in bodies} == {13}
    assert shut["envVars"] == {"A": "b"}
    assert isinstance(shut["metadata"], dict)
    assert shut["metadata"]["run"] == "r"


def test_every_page_of_boxes_is_read_and_only_exact_labels_count(service: StandIn) -> None:
    def listed(number: int, run: str) -> dict[str, object]:
        return {
            "templateID": "base", "sandboxID": f"i{number}", "clientID": "x", "cpuCount": 2, "memoryMB": 512,
            "diskSizeMB": 1, "startedAt": "2026-01-01T00:00:00Z", "endAt": "2026-01-01T01:00:00Z", "state": "running",
            "envdVersion": "0.6.2", "metadata": {"run": run, "runner-create": "tag"},
        }  # fmt: skip

    service.answer("GET /v2/sandboxes", 200, [listed(1, "r"), listed(2, "r-other")], {"x-next-token": "more"})
    service.answer("GET /v2/sandboxes", 200, [listed(3, "r")])
    infos = asyncio.run(service.sandbox().list({"run": "r"}))
    assert [(info.id, dict(info.labels)) for info in infos] == [("i1", {"run": "r"}), ("i3", {"run": "r"})]
    assert (infos[0].started_at, infos[0].ends_at) == (1767225600.0, 1767229200.0)


def test_the_hosted_service_reaches_a_port_by_its_host_name(service: StandIn) -> None:
    service.makes_boxes()
    service.answer("GET /health", 200, {})

    async def scenario() -> str:
        box = await service.sandbox().create(BoxRequest())
        # Everything else as for the hosted service; only its health is asked at the stand-in.
        box._known = dataclasses.replace(box._known, sandbox_url=None)
        return await box.url(8080)

    assert asyncio.run(scenario()) == f"https://8080-{MADE['sandboxID']}.localhost"


def test_a_missing_sdk_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "e2b", None)
    with pytest.raises(SandboxMissing) as caught:
        asyncio.run(E2BSandbox(KEY).create(BoxRequest()))
    assert "pip install 'runner[e2b]'" in caught.value.hint
