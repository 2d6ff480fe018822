"""Contexts and the interpreter's routes over kernels that play along or do not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import httpx
import pytest

from runner.embedded.e2b.box.http1 import connection
from runner.embedded.e2b.box.interpreter import Interpreter
from runner.embedded.e2b.box.kernels import contexts, results
from runner.embedded.e2b.box.kernels.kernel import KernelFailed
from runner.embedded.e2b.box.kernels.results import Line


class Played:
    """A kernel whose code is a word: what it does is the test's to say."""

    made: list[Played]

    def __init__(self, cwd: str) -> None:
        self.cwd = cwd
        self.alive = False
        self.deaf = False
        self.told: list[str] = []
        self.began = asyncio.Event()
        self._interrupted = asyncio.Event()
        Played.made.append(self)

    async def start(self) -> None:
        if self.cwd == "/proc":
            raise KernelFailed("it does not like it here")
        self.alive = True

    async def execute(self, code: str) -> AsyncIterator[Line]:
        self.told.append(code)
        self._interrupted.clear()
        self.began.set()
        yield results.count(len(self.told))
        if code == "forever":
            await self._interrupted.wait()
            self.told.append("broken off")
        elif code == "deaf":
            self.deaf = True
            await asyncio.Event().wait()
        elif code == "die":
            self.alive = False
            yield results.RESTARTED

    async def set_environment(self, values: Mapping[str, str], gone: list[str]) -> None:
        self.told.append(f"{dict(values)} {gone}")

    def interrupt(self) -> None:
        if not self.deaf:
            self._interrupted.set()

    async def stop(self) -> None:
        self.told.append("stopped")
        self.alive = False


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[httpx.AsyncClient], Awaitable[None]]], None]:
    """Run a scenario against an interpreter with played kernels of two languages."""
    Played.made = []
    monkeypatch.setattr(contexts, "languages", lambda: {"python": Played, "bash": Played})
    monkeypatch.setattr(contexts, "_INTERRUPT_SECONDS", 0.2)

    def run(scenario: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
        async def go() -> None:
            answer = Interpreter(contexts.Contexts()).answer
            server = await asyncio.get_running_loop().create_server(lambda: connection(answer), "127.0.0.1", 0)
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            try:
                async with httpx.AsyncClient(base_url=url, timeout=10) as client:
                    await scenario(client)
            finally:
                server.close()

        asyncio.run(go())

    return run


async def _execute(client: httpx.AsyncClient, **body: object) -> list[str]:
    answer = await client.post("/execute", json=body)
    assert answer.status_code == 200, answer.text
    return [line.partition('"type": "')[2].partition('"')[0] for line in answer.text.splitlines()]


def test_variables_of_one_execution_are_set_and_put_back(serving, monkeypatch):
    monkeypatch.setenv("KNOWN", "before")

    async def scenario(client: httpx.AsyncClient) -> None:
        await _execute(client, code="run", env_vars={"KNOWN": "now", "NEW": "1"})

    serving(scenario)
    first = "{'KNOWN': 'now', 'NEW': '1'} []"
    assert Played.made[0].told == [first, "run", "{'KNOWN': 'before'} ['NEW']"]


def test_who_leaves_interrupts_and_the_kernel_stays(serving):
    async def scenario(client: httpx.AsyncClient) -> None:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/execute", json={"code": "forever"}, timeout=0.3)
        assert await _execute(client, code="next") == ["number_of_executions", "end_of_execution"]

    serving(scenario)
    assert Played.made[0].told == ["forever", "broken off", "next"]


def test_a_kernel_that_hears_nothing_is_started_anew(serving):
    async def scenario(client: httpx.AsyncClient) -> None:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/execute", json={"code": "deaf"}, timeout=0.3)
        await _execute(client, code="next")

    serving(scenario)
    assert Played.made[0].told == ["deaf", "stopped"]
    assert Played.made[-1].told == ["next"]


def test_a_kernel_that_died_is_told_and_replaced(serving):
    async def scenario(client: httpx.AsyncClient) -> None:
        assert await _execute(client, code="die") == ["number_of_executions", "error", "end_of_execution"]
        assert await _execute(client, code="next") == ["number_of_executions", "end_of_execution"]

    serving(scenario)


def test_executions_of_one_context_wait_for_each_other(serving):
    async def scenario(client: httpx.AsyncClient) -> None:
        first = asyncio.ensure_future(client.post("/execute", json={"code": "forever"}))
        await Played.made[0].began.wait()
        second = asyncio.ensure_future(client.post("/execute", json={"code": "second"}))
        await asyncio.sleep(0.1)
        assert "second" not in Played.made[0].told
        Played.made[0].interrupt()
        await asyncio.gather(first, second)

    serving(scenario)
    assert Played.made[0].told == ["forever", "broken off", "second"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/execute", {"code": "x", "context_id": "a", "language": "b"}, 400, "Only one of"),
        ("POST", "/execute", {"code": "x", "context_id": "a"}, 404, "Context a not found"),
        ("POST", "/execute", {"code": 7}, 422, "`code` must be a text"),
        ("POST", "/execute", {"code": "x", "language": 7}, 422, "`language` must be a text"),
        ("POST", "/execute", {"code": "\ud83d"}, 422, "`code` is no text"),
        ("POST", "/execute", [], 422, "not a JSON object"),
        ("POST", "/execute", {"code": "x", "language": "R"}, 500, "no kernel for 'r'; this box has bash, python"),
        ("POST", "/contexts", {"cwd": "/nowhere", "language": "bash"}, 500, "Failed to set working directory"),
        ("POST", "/contexts", {"cwd": "/proc"}, 500, "Failed to create context: it does not like it here"),
        ("DELETE", "/contexts/a", None, 404, "Context a not found"),
        ("POST", "/contexts/a/restart", None, 404, "Context a not found"),
        ("GET", "/else", None, 404, "no such route"),
    ],
)
def test_what_is_refused_is_said_as_text(serving, method, path, body, status, said):
    async def scenario(client: httpx.AsyncClient) -> None:
        answer = await client.request(method, path, content=json.dumps(body))
        assert answer.status_code == status
        assert said in answer.text
        left = (await client.get("/contexts")).json()
        assert [each["language"] for each in left] == ["python"]

    serving(scenario)


def test_contexts_are_made_restarted_and_removed(serving):
    async def scenario(client: httpx.AsyncClient) -> None:
        assert (await client.get("/health")).status_code == 200
        made = (await client.post("/contexts", json={"cwd": "/tmp", "language": "SH "})).json()
        assert (made["language"], made["cwd"]) == ("bash", "/tmp")
        assert (await client.post(f"/contexts/{made['id']}/restart")).status_code == 200
        assert (await client.put(f"/contexts/{made['id']}")).status_code == 405
        assert (await client.delete(f"/contexts/{made['id']}")).status_code == 200
        assert [each.told for each in Played.made[1:]] == [["stopped"], ["stopped"]]

    serving(scenario)


def test_results_name_what_the_vendor_knows_and_keep_the_rest():
    data = {
        "text/plain": "'plain'",
        "image/png": "abc",
        "application/json": [1],
        "x/y": 1,
        "e2b/chart": {"type": "bar"},
    }
    assert results.result(data, main=True) == {
        "type": "result", "is_main_result": True, "text": "plain", "png": "abc", "json": [1],
        "chart": {"type": "bar"}, "extra": {"x/y": 1},
    }  # fmt: skip
    assert results.result({"text/plain": "'"}, main=False)["text"] == "'"
