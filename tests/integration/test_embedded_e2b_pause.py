"""Pausing boxes of the embedded endpoint and letting them go on, by the genuine SDK."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from e2b import AsyncSandbox, Sandbox, SandboxState
from e2b.exceptions import (
    SandboxException,
    SandboxNotFoundException,
    SandboxNotRunningException,
    SandboxUnreachableException,
    ServiceBusyException,
)

from runner.embedded.e2b.launch import Endpoint

pytestmark = pytest.mark.integration

_COUNT = "i=0; while :; do i=$((i+1)); echo $i > ~/next; mv ~/next ~/count; sleep 0.02; done"


@pytest.fixture
def where(embedded_e2b: Endpoint) -> dict[str, Any]:
    return {
        "api_url": embedded_e2b.api_url,
        "sandbox_url": embedded_e2b.sandbox_url,
        "api_key": embedded_e2b.api_key,
        "retries": 0,
    }


async def _until(true: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    reached = await true()
    while not reached and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        reached = await true()
    return reached


def test_a_paused_box_stands_still_and_goes_on(where: dict[str, Any]) -> None:
    async def go() -> None:
        box = await AsyncSandbox.create(timeout=60, **where)
        await box.commands.run(_COUNT, background=True, timeout=0)
        assert await _until(lambda: box.files.exists("count"))
        assert await box.pause() is True
        assert await box.pause() is False, "it is paused already"
        assert await box.is_running() is False
        info = await box.get_info()
        assert info.state == SandboxState.PAUSED
        with pytest.raises(SandboxNotRunningException, match="is paused since"):
            await box.commands.run("true")
        for refused in (box.set_timeout(50), box.create_snapshot()):
            with pytest.raises(SandboxNotFoundException):
                await refused
        with pytest.raises(SandboxException, match="already paused"):
            await box.fork()
        await asyncio.sleep(0.3)
        again = await AsyncSandbox.connect(box.sandbox_id, timeout=90, **where)
        at_once = int((await again.commands.run("cat ~/count")).stdout)
        info = await again.get_info()
        assert info.state == SandboxState.RUNNING
        assert 80 < info.end_at.timestamp() - time.time() <= 90

        async def counts_on() -> bool:
            return int((await again.commands.run("cat ~/count")).stdout) > at_once + 5

        assert await _until(counts_on), "its processes went on"
        await again.kill()

    asyncio.run(go())


def test_what_had_been_stopped_before_stays_stopped(where: dict[str, Any]) -> None:
    box = Sandbox.create(timeout=60, **where)
    # It must be `sleep` by then: a shell that is stopped before it has become one keeps our pipes open.
    until = "until grep -q sleep /proc/$!/comm; do :; done"
    box.commands.run(f"sleep 500 >/dev/null 2>&1 & {until}; kill -STOP $!; echo $! > pid")
    box.pause()
    box.connect()
    assert box.commands.run("grep State /proc/$(cat pid)/status").stdout.split()[1] == "T"
    box.kill()


def test_a_stream_breaks_at_the_pause_and_no_output_is_lost(where: dict[str, Any]) -> None:
    async def go() -> None:
        box = await AsyncSandbox.create(timeout=60, **where)
        got: list[str] = []
        command = "for i in $(seq 1 300); do echo line $i; sleep 0.005; done"
        running = await box.commands.run(command, background=True, timeout=0, on_stdout=got.append)

        async def some() -> bool:
            return "line 20\n" in "".join(got)

        assert await _until(some)
        await box.pause()
        with pytest.raises((SandboxNotRunningException, SandboxUnreachableException, SandboxException)):
            await running.wait()
        await box.connect()
        rest = await box.commands.connect(running.pid, timeout=0, on_stdout=got.append)
        assert (await rest.wait()).exit_code == 0
        assert "".join(got) == "".join(f"line {n}\n" for n in range(1, 301))
        await box.kill()

    asyncio.run(go())


def test_a_box_paused_as_files_starts_anew(where: dict[str, Any]) -> None:
    async def go() -> None:
        box = await AsyncSandbox.create(timeout=60, envs={"MARK": "m"}, metadata={"a": "b"}, **where)
        await box.files.write("kept.txt", "kept")
        await box.commands.run("echo t > /tmp/t; ln -s kept.txt link; chmod 600 kept.txt; touch gone")
        await box.commands.run("sleep 500", background=True, timeout=0)
        before = await box.get_info()
        for turn in range(2):  # and once more over what the first time left
            assert await box.pause(keep_memory=False) is True
            assert await box.is_running() is False
            assert await box.pause() is False
            paused = await box.get_info()
            assert (paused.state, paused.metadata) == (SandboxState.PAUSED, {"a": "b"})
            await box.connect(timeout=80)
            said = await box.commands.run(
                "stat -c %a-%U kept.txt; cat link /tmp/t; echo $MARK; ls -a; pgrep -x sleep | wc -l"
            )
            assert said.stdout.split()[:3] == ["600-user", "keptt", "m"]
            assert said.stdout.endswith("\n0\n"), "processes are gone"
            assert ("gone" in said.stdout) is (turn == 0)
            await box.commands.run("rm -f gone")
        after = await box.get_info()
        assert (after.sandbox_id, after.started_at, after.metadata) == (
            before.sandbox_id,
            before.started_at,
            {"a": "b"},
        )
        await box.pause(keep_memory=False)
        assert await box.kill() is True
        assert await box.kill() is False
        with pytest.raises(SandboxNotFoundException):
            await AsyncSandbox.connect(box.sandbox_id, **where)

    asyncio.run(go())


def test_a_paused_box_can_be_killed(where: dict[str, Any]) -> None:
    box = Sandbox.create(timeout=60, **where)
    box.pause()
    assert box.kill() is True
    with pytest.raises(SandboxNotFoundException):
        box.get_info()


@pytest.mark.parametrize("mode", ["full", "filesystem"])
def test_a_box_can_be_paused_when_its_time_is_over(where: dict[str, Any], mode: str) -> None:
    async def go() -> None:
        lifecycle: Any = {"on_timeout": {"action": "pause", "mode": mode}}
        box = await AsyncSandbox.create(timeout=1, lifecycle=lifecycle, **where)
        await box.files.write("f", "still here")

        async def paused() -> bool:
            return (await box.get_info()).state == SandboxState.PAUSED

        assert await _until(paused)
        await box.connect(timeout=60)
        assert await box.files.read("f") == "still here"
        await box.kill()

    asyncio.run(go())


def test_a_request_wakes_a_box_that_was_made_so(where: dict[str, Any], embedded_e2b: Endpoint) -> None:
    async def go() -> None:
        lifecycle: Any = {"on_timeout": "pause", "auto_resume": True}
        box = await AsyncSandbox.create(timeout=600, lifecycle=lifecycle, **where)
        await box.pause()
        assert await box.is_running() is False, "asking does not wake it"
        assert (await box.get_info()).state == SandboxState.PAUSED
        answers = await asyncio.gather(*(box.commands.run(f"echo {n}") for n in range(3)))
        assert [answer.stdout for answer in answers] == ["0\n", "1\n", "2\n"]
        info = await box.get_info()
        assert info.state == SandboxState.RUNNING
        assert 500 < info.end_at.timestamp() - time.time() <= 600
        await box.pause()
        headers = {"E2b-Sandbox-Id": box.sandbox_id, "E2b-Sandbox-Port": "49983", "X-Access-Token": "a stranger's"}
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{embedded_e2b.sandbox_url}/files?path=x", headers=headers)
        assert answer.status_code == 401
        assert (await box.get_info()).state == SandboxState.PAUSED, "nor does a stranger"
        await box.kill()

    asyncio.run(go())


def test_many_pause_and_connect_at_once(where: dict[str, Any]) -> None:
    async def go() -> None:
        box = await AsyncSandbox.create(timeout=60, **where)
        await box.files.write("f", "whole")
        for keep in (True, False):
            done = await asyncio.gather(*(box.pause(keep_memory=keep) for _ in range(4)))
            assert sorted(done) == [False, False, False, True]
            await asyncio.gather(*(box.connect(timeout=60) for _ in range(4)))
            assert await box.files.read("f") == "whole"
        await asyncio.gather(box.pause(), box.kill(), return_exceptions=True)
        with pytest.raises(SandboxNotFoundException):
            await box.get_info()

    asyncio.run(go())


async def _agent(seconds: str) -> psutil.Process:
    """The first process of the box in which `sleep SECONDS` runs; its shell may not have made way for it yet."""
    found: list[psutil.Process] = []
    for _ in range(200):
        found = [each for each in psutil.process_iter(["cmdline"]) if _sleeps(each, seconds)]
        if found:
            break
        await asyncio.sleep(0.1)
    (sleeper,) = found
    return next(each for each in sleeper.parents() if _number_within(each) == "1")


def _sleeps(process: psutil.Process, seconds: str) -> bool:
    return bool(process.info["cmdline"] == ["sleep", seconds])


def _number_within(process: psutil.Process) -> str:
    """The number that a process has in the innermost of its namespaces."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(line.split()[-1] for line in lines if line.startswith("NSpid:"))


def test_a_pause_that_asks_for_it_is_refused_while_the_agent_hangs(where: dict[str, Any]) -> None:
    async def go() -> None:
        box = await AsyncSandbox.create(timeout=60, **where)
        # A number of this test's own: others of the like may run on this machine.
        seconds = f"54321.{os.getpid()}"
        await box.commands.run(f"sleep {seconds}", background=True, timeout=0)
        agent = await _agent(seconds)
        agent.suspend()
        try:
            with pytest.raises(ServiceBusyException, match="does not answer: it was not paused"):
                await box.pause(strict=True)
            assert (await box.get_info()).state is SandboxState.RUNNING
        finally:
            agent.resume()
        assert await box.pause(strict=True) is True
        await box.kill()

    asyncio.run(go())


def test_who_connects_while_a_box_is_put_by_gets_it_whole(where: dict[str, Any]) -> None:
    async def go() -> None:
        box = await AsyncSandbox.create(timeout=60, **where)
        await box.files.write("f", "whole")

        async def connect(after: float) -> None:
            await asyncio.sleep(after)
            await AsyncSandbox.connect(box.sandbox_id, timeout=60, **where)

        for _ in range(4):
            await asyncio.gather(box.pause(keep_memory=False), *(connect(n * 0.02) for n in range(6)))
            await box.connect(timeout=60)
            assert (await box.commands.run("cat f")).stdout == "whole"
        await box.kill()

    asyncio.run(go())


def test_a_box_says_why_it_is_gone(where: dict[str, Any]) -> None:
    async def go() -> None:
        late = await AsyncSandbox.create(timeout=1, **where)
        killed = await AsyncSandbox.create(timeout=60, **where)
        await killed.kill()
        with pytest.raises(SandboxNotRunningException, match=r"killed by a request at \d{4}-"):
            await killed.commands.run("true")
        assert await _until(lambda: _gone(late))
        with pytest.raises(SandboxNotRunningException, match=r"its time \(until .*\) was over"):
            await late.files.read("x")

    async def _gone(box: AsyncSandbox) -> bool:
        return not await box.is_running()

    asyncio.run(go())


def test_metrics_are_taken_while_a_box_runs_and_not_while_it_is_paused(where: dict[str, Any]) -> None:
    async def go() -> None:
        box = await AsyncSandbox.create(timeout=60, **where)

        async def three() -> bool:
            return len(await box.get_metrics()) >= 3

        assert await _until(three)
        samples = await box.get_metrics()
        gaps = [b.timestamp - a.timestamp for a, b in pairwise(samples)]
        assert all(gap.total_seconds() > 0 for gap in gaps), "in order"
        middle = await box.get_metrics(start=samples[1].timestamp, end=samples[1].timestamp)
        assert {int(each.timestamp.timestamp()) for each in middle} == {int(samples[1].timestamp.timestamp())}
        await box.pause()
        paused = await box.get_metrics()
        await asyncio.sleep(1.2)
        assert await box.get_metrics() == paused
        await box.kill()

    asyncio.run(go())
