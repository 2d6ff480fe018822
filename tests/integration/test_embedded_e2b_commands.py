"""Commands in boxes of the embedded endpoint, driven by the genuine SDK."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable

import pytest
from e2b import AsyncSandbox, CommandExitException, Sandbox
from e2b.exceptions import (
    InvalidArgumentException,
    NotFoundException,
    SandboxException,
    SandboxNotRunningException,
    TimeoutException,
)

from runner.embedded.e2b.launch import Endpoint

pytestmark = pytest.mark.integration
Go = Callable[[Callable[[AsyncSandbox], Awaitable[None]]], None]


def test_output_error_output_and_exit_code(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        done = await box.commands.run("echo out; echo err >&2")
        assert (done.stdout, done.stderr, done.exit_code) == ("out\n", "err\n", 0)
        with pytest.raises(CommandExitException) as caught:
            await box.commands.run("echo so; exit 7")
        assert (caught.value.exit_code, caught.value.stdout) == (7, "so\n")
        with pytest.raises(CommandExitException) as caught:
            await box.commands.run("no-such-program")
        assert caught.value.exit_code == 127

    in_box(body)


def test_a_signal_is_named(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        with pytest.raises(CommandExitException) as caught:
            await box.commands.run("kill -9 $$")
        assert caught.value.exit_code == -1
        assert caught.value.error == "signal: killed"

    in_box(body)


def test_environment_and_folder(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        await box.files.make_dir("deep/er")
        done = await box.commands.run("pwd; echo $A; whoami", envs={"A": "b c'\"$"}, cwd="deep/er")
        assert done.stdout == "/home/user/deep/er\nb c'\"$\nuser\n"
        assert (await box.commands.run("pwd", cwd="/tmp")).stdout == "/tmp\n"
        with pytest.raises(InvalidArgumentException, match="nowhere"):
            await box.commands.run("pwd", cwd="/nowhere")

    in_box(body)


def test_a_program_without_an_environment_can_find_out_where_it_is(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        names = ("E2B_SANDBOX", "E2B_SANDBOX_ID", "E2B_TEMPLATE_ID")
        told = await box.commands.run("; ".join(f"env -i cat /run/e2b/.{name}; echo; echo ${name}" for name in names))
        lines = told.stdout.split()
        assert lines[::2] == lines[1::2] == ["true", box.sandbox_id, "base"]

    in_box(body)


def test_pieces_come_while_the_command_runs(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        seen: list[tuple[str, str]] = []
        first = asyncio.Event()

        def out(text: str) -> None:
            seen.append(("out", text))
            first.set()

        running = await box.commands.run(
            "echo one; read line; echo $line >&2",
            background=True,
            stdin=True,
            on_stdout=out,
            on_stderr=lambda text: seen.append(("err", text)),
        )
        await asyncio.wait_for(first.wait(), 10)
        assert seen == [("out", "one\n")]
        await running.send_stdin("two\n")
        assert (await running.wait()).exit_code == 0
        assert seen == [("out", "one\n"), ("err", "two\n")]

    in_box(body)


def test_standard_input_and_its_end(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        running = await box.commands.run("wc -c", background=True, stdin=True)
        await running.send_stdin(b"12345")
        await running.send_stdin("ä" * 100_000)
        await running.close_stdin()
        assert (await running.wait()).stdout.strip() == "200005"
        assert (await box.commands.run("cat; echo end")).stdout == "end\n", "without stdin there is no input"
        streamed = await box.commands.run("cat", background=True, stdin=True)
        async with box.commands.stream_input(streamed.pid) as pipe:
            for number in range(20):
                await pipe.send(f"{number}\n")
        await streamed.close_stdin()
        assert (await streamed.wait()).stdout == "".join(f"{number}\n" for number in range(20))
        with pytest.raises(NotFoundException):
            await box.commands.send_stdin(99999, "x")

    in_box(body)


def test_five_megabytes_arrive_whole(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        code = "import sys; sys.stdout.write(''.join(f'{n:08x}' for n in range(640_000)))"
        done = await box.commands.run(f'python3 -c "{code}"')
        wanted = "".join(f"{n:08x}" for n in range(640_000))
        assert hashlib.sha256(done.stdout.encode()).digest() == hashlib.sha256(wanted.encode()).digest()

    in_box(body)


def test_a_slow_reader_holds_the_command_back_and_loses_nothing(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        total = 0

        async def slow(text: str) -> None:
            nonlocal total
            if total < 2_000_000:
                await asyncio.sleep(0.005)
            total += len(text)

        await box.commands.run("head -c 20000000 /dev/zero | tr '\\0' x", on_stdout=slow, retain_output=False)
        assert total == 20_000_000

    in_box(body)


def test_a_character_split_over_pieces_stays_whole(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        done = await box.commands.run(r"printf '\xe2'; sleep 0.1; printf '\x82'; sleep 0.1; printf '\xac'")
        assert done.stdout == "€"

    in_box(body)


def test_fifty_commands_in_a_row_lose_no_stream(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        for number in range(50):
            assert (await box.commands.run(f"echo {number}")).stdout == f"{number}\n"

    in_box(body)


def test_twenty_commands_at_once(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        done = await asyncio.gather(*(box.commands.run(f"sleep 0.1; echo {n}") for n in range(20)))
        assert [each.stdout for each in done] == [f"{n}\n" for n in range(20)]

    in_box(body)


def test_running_commands_are_listed_joined_and_killed(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        running = await box.commands.run("sleep 0.3; echo late; sleep 60", background=True, envs={"X": "1"}, timeout=0)
        (listed,) = await box.commands.list()
        assert (listed.pid, listed.cmd, listed.envs) == (running.pid, "/bin/bash", {"X": "1"})
        late = asyncio.Event()
        joined = await box.commands.connect(running.pid, on_stdout=lambda _: late.set())
        await asyncio.wait_for(late.wait(), 10)
        assert await box.commands.kill(running.pid) is True
        for handle in (running, joined):
            with pytest.raises(CommandExitException) as caught:
                await handle.wait()
            assert caught.value.error == "signal: killed"
        assert await box.commands.kill(running.pid) is False
        assert await box.commands.list() == []

    in_box(body)


def test_a_command_outlives_a_listener_that_leaves(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        running = await box.commands.run("sleep 0.5; touch done; sleep 60", background=True, timeout=0)
        await running.disconnect()
        await asyncio.sleep(1.0)
        assert await box.files.exists("done")
        assert [each.pid for each in await box.commands.list()] == [running.pid]

    in_box(body)


_FAMILY = (
    "sleep 1001 & setsid sleep 1002 & (setsid bash -c 'sleep 1003 & sleep 1004' &) ; "
    "python3 -c 'import os,time; os.fork() or (os.setsid(), os.fork() or time.sleep(1005))' & sleep 1006"
)


def test_kill_takes_the_whole_family(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        other = await box.commands.run("sleep 2000", background=True, timeout=0)
        running = await box.commands.run(_FAMILY, background=True, timeout=0)
        await asyncio.sleep(0.5)
        before = (await box.commands.run("ps -eo args")).stdout
        assert all(f"sleep {number}" in before for number in (1001, 1002, 1003, 1004, 1006)), before
        assert await running.kill()
        after = (await box.commands.run("ps -eo args")).stdout
        assert "sleep 100" not in after
        assert "1005" not in after
        assert "sleep 2000" in after, "another command's processes are not touched"
        await other.kill()

    in_box(body)


def test_kill_finds_who_has_left_session_parent_and_environment(in_box: Go) -> None:
    hide = "env -i setsid sh -c 'sleep 4001 </dev/null >/dev/null 2>&1 &'"

    async def body(box: AsyncSandbox) -> None:
        other = await box.commands.run(f"{hide.replace('4001', '4002')}; sleep 2000", background=True, timeout=0)
        running = await box.commands.run(f"{hide}; echo up; sleep 2000", background=True, timeout=0)
        while " 1 sleep 4001" not in (before := (await box.commands.run("ps -eo ppid,args")).stdout):
            assert running.exit_code is None, before  # until it has lost its parent
        assert await running.kill()
        after = (await box.commands.run("ps -eo args")).stdout
        assert "sleep 4001" not in after
        assert "sleep 4002" in after, "another command's processes are not touched"
        await other.kill()

    in_box(body)


def test_a_timeout_ends_the_command_and_its_family(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        started = time.monotonic()
        with pytest.raises(TimeoutException):
            await box.commands.run("sleep 3001 & sleep 3002", timeout=1)
        assert time.monotonic() - started < 8
        await asyncio.sleep(0.3)
        assert "sleep 300" not in (await box.commands.run("ps -eo args")).stdout
        assert await box.commands.list() == []

    in_box(body)


def test_a_killed_box_breaks_its_streams_at_once(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        running = await box.commands.run("echo up; sleep 60", background=True, timeout=0)
        await asyncio.sleep(0.2)
        started = time.monotonic()
        assert await box.kill()
        with pytest.raises(SandboxNotRunningException):
            await running.wait()
        assert time.monotonic() - started < 5

    in_box(body)


def test_a_terminal(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        from e2b.sandbox.commands.command_handle import PtySize

        heard = bytearray()
        terminal = await box.pty.create(PtySize(rows=30, cols=90), on_data=heard.extend)
        await box.pty.send_stdin(terminal.pid, b"stty size\n")
        await box.pty.resize(terminal.pid, PtySize(rows=40, cols=100))
        await box.pty.send_stdin(terminal.pid, b"stty size; exit\n")
        await terminal.wait()
        assert b"40 100" in heard

    in_box(body)


def test_a_user_that_the_box_does_not_have_is_refused(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        with pytest.raises((SandboxException, Exception), match="invalid username"):
            await box.commands.run("id", user="somebody")

    in_box(body)


def test_the_agent_survives_its_box(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        await box.commands.run("kill -9 -1; kill -9 1; true")
        assert (await box.commands.run("echo still here")).stdout == "still here\n"

    in_box(body)


def test_the_synchronous_class(embedded_e2b: Endpoint) -> None:
    with Sandbox.create(
        timeout=60,
        api_url=embedded_e2b.api_url,
        sandbox_url=embedded_e2b.sandbox_url,
        api_key=embedded_e2b.api_key,
    ) as box:
        pieces: list[str] = []
        assert box.commands.run("echo sync", on_stdout=pieces.append).exit_code == 0
        assert pieces == ["sync\n"]
        running = box.commands.run("cat", background=True, stdin=True)
        box.commands.send_stdin(running.pid, "through")
        running.close_stdin()
        assert running.wait().stdout == "through"
        box.files.write("f", b"\x00\xff")
        assert box.files.read("f", format="bytes") == b"\x00\xff"
        assert [each.name for each in box.files.list(".")] == ["f"]
        assert box.is_running()
