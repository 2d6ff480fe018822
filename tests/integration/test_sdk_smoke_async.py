"""The genuine asynchronous Python SDK against the embedded endpoint: one test for each thing that its users do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from e2b import AsyncSandbox, CommandExitException, SandboxQuery, SandboxState
from e2b.exceptions import (
    AuthenticationException,
    FileNotFoundException,
    NotFoundException,
    SandboxNotFoundException,
    SandboxNotRunningException,
    TimeoutException,
)
from e2b.sandbox.commands.command_handle import PtySize

from runner.embedded.e2b.launch import Endpoint

pytestmark = pytest.mark.integration
Go = Callable[[Callable[[AsyncSandbox], Awaitable[None]]], None]


@pytest.fixture
def where(embedded_e2b: Endpoint) -> dict[str, Any]:
    """What tells the SDK where the endpoint is."""
    return {
        "api_url": embedded_e2b.api_url,
        "sandbox_url": embedded_e2b.sandbox_url,
        "api_key": embedded_e2b.api_key,
    }


def test_commands_in_front_and_behind(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        done = await box.commands.run("echo $A; echo no >&2", envs={"A": "yes"}, cwd="/tmp")
        assert (done.stdout, done.stderr, done.exit_code) == ("yes\n", "no\n", 0)
        with pytest.raises(CommandExitException) as caught:
            await box.commands.run("exit 3")
        assert caught.value.exit_code == 3
        running = await box.commands.run("cat; echo end", background=True, stdin=True)
        await box.commands.send_stdin(running.pid, "through\n")
        await box.commands.close_stdin(running.pid)
        assert (await running.wait()).stdout == "through\nend\n"
        sleeping = await box.commands.run("sleep 60", background=True, timeout=0)
        assert sleeping.pid in [each.pid for each in await box.commands.list()]
        joined = await box.commands.connect(sleeping.pid)
        assert await box.commands.kill(sleeping.pid)
        with pytest.raises(CommandExitException):
            await joined.wait()
        with pytest.raises(TimeoutException):
            await box.commands.run("sleep 60", timeout=0.7)
        with pytest.raises(NotFoundException):
            await box.commands.connect(999_999)

    in_box(body)


def test_output_that_nobody_heard_waits_for_the_next_client(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        script = "sleep 0.3; seq 1 20000; echo err >&2; exit 4"
        running = await box.commands.run(script, background=True, timeout=0)
        await running.disconnect()
        await asyncio.sleep(1.0)
        joined = await box.commands.connect(running.pid)
        with pytest.raises(CommandExitException) as caught:
            await joined.wait()
        assert caught.value.stdout == "".join(f"{number}\n" for number in range(1, 20001))
        assert (caught.value.stderr, caught.value.exit_code) == ("err\n", 4)

    in_box(body)


def test_of_much_output_that_nobody_heard_the_newest_is_kept(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        running = await box.commands.run(
            "sleep 0.3; seq 1 400000; touch done; cat", background=True, stdin=True, timeout=0
        )
        await running.disconnect()
        await box.commands.run("while ! [ -e done ]; do sleep 0.05; done")
        joined = await box.commands.connect(running.pid, timeout=0)
        await joined.close_stdin()
        told = (await joined.wait()).stdout
        assert told.endswith("\n399999\n400000\n")
        assert len(told) == 1024 * 1024, "a mebibyte of each command"

    in_box(body)


def test_a_command_that_asks_for_it_waits_for_its_reader(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        script = "sleep 0.3; seq 1 400000"
        keep = {"RUNNER_KEEP_OUTPUT": "all"}
        running = await box.commands.run(script, background=True, timeout=0, envs=keep)
        await running.disconnect()
        await asyncio.sleep(1.0)
        assert [each.pid for each in await box.commands.list()] == [running.pid], "it is held back"
        joined = await box.commands.connect(running.pid)
        assert (await joined.wait()).stdout == "".join(f"{number}\n" for number in range(1, 400_001))

    in_box(body)


def test_a_terminal_that_is_left_and_joined(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        heard = bytearray()
        terminal = await box.pty.create(PtySize(rows=24, cols=80), on_data=lambda _: None, timeout=0)
        await terminal.disconnect()
        joined = await box.pty.connect(terminal.pid, on_data=heard.extend)
        await box.pty.resize(terminal.pid, PtySize(rows=40, cols=100))
        await box.pty.send_stdin(terminal.pid, b"stty size; echo $TERM; exit\n")
        await joined.wait()
        assert b"40 100" in heard
        assert b"xterm" in heard

    in_box(body)


def test_files_of_every_format(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        written = await box.files.write("f", b"\x00\xff", metadata={"by": "test"})
        assert (written.path, written.metadata) == ("/home/user/f", {"by": "test"})
        assert await box.files.read("f", format="bytes") == b"\x00\xff"
        async with await box.files.read("f", format="stream") as stream:
            assert b"".join([piece async for piece in stream]) == b"\x00\xff"
        await box.files.write("g", "text", gzip=True)
        assert await box.files.read("g", gzip=True) == "text"
        moved = await box.files.rename("f", "d/f2")
        assert moved.metadata == {"by": "test"}
        assert [each.name for each in await box.files.list(".", depth=2) if each.name[0] != "."] == ["d", "f2", "g"]
        info = await box.files.get_info("d/f2")
        assert (info.size, info.owner, info.permissions) == (2, "user", "-rw-r--r--")
        await box.files.remove("d")
        assert not await box.files.exists("d/f2")
        with pytest.raises(FileNotFoundException):
            await box.files.read("d/f2")

    in_box(body)


def test_a_part_of_a_file_and_its_kind(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        await box.files.write("page.html", "0123456789")
        async with httpx.AsyncClient() as web:
            url = box.download_url("page.html")
            whole = await web.get(url)
            assert (whole.text, whole.headers["content-type"]) == ("0123456789", "text/html")
            for asked, told, text in (
                ("bytes=2-4", "bytes 2-4/10", "234"),
                ("bytes=-3", "bytes 7-9/10", "789"),
                ("bytes=8-99", "bytes 8-9/10", "89"),
            ):
                part = await web.get(url, headers={"Range": asked})
                assert (part.status_code, part.headers["content-range"], part.text) == (206, told, text)
            outside = await web.get(url, headers={"Range": "bytes=10-"})
            assert (outside.status_code, outside.headers["content-range"]) == (416, "bytes */10")
            same = await web.get(url, headers={"If-Modified-Since": whole.headers["last-modified"]})
            assert same.status_code == 304
            plain = await web.get(url, headers={"Accept-Encoding": "gzip"})
            assert (plain.text, plain.headers["content-encoding"]) == ("0123456789", "gzip")

    in_box(body)


def test_signed_urls(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        await box.files.write("signed", "content")
        url = box.download_url("signed", use_signature_expiration=60)
        async with httpx.AsyncClient() as web:
            assert (await web.get(url)).content == b"content"
            form = {"file": ("other", b"sent")}
            assert (await web.post(box.upload_url("sent"), files=form)).status_code == 200
            assert (await web.get(box.download_url("signed", use_signature_expiration=-60))).status_code == 401
        assert await box.files.read("sent") == "sent"

    in_box(body)


def test_a_port(in_box: Go, embedded_e2b: Endpoint) -> None:
    async def body(box: AsyncSandbox) -> None:
        await box.commands.run("echo hi > index.html; python3 -m http.server 8123", background=True, timeout=0)
        await box.commands.run("while ! (: < /dev/tcp/127.0.0.1/8123) 2>/dev/null; do sleep 0.05; done")
        # Names below localhost are not everybody's to resolve: the edge tells boxes apart by the Host field.
        async with httpx.AsyncClient(base_url=embedded_e2b.sandbox_url) as web:
            answer = await web.get("/", headers={"Host": box.get_host(8123)})
        assert answer.text == "hi\n"

    in_box(body)


def test_pause_connect_and_timeouts(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        told: list[str] = []
        running = await box.commands.run(
            "i=0; while [ $i -lt 30 ]; do echo $i; i=$((i+1)); sleep 0.05; done",
            background=True, timeout=0, on_stdout=told.append,
        )  # fmt: skip
        await asyncio.sleep(0.3)
        await box.pause()
        assert not await box.is_running()
        assert (await box.get_info()).state is SandboxState.PAUSED
        await box.connect()
        joined = await box.commands.connect(running.pid)
        await joined.wait()
        await asyncio.sleep(0.1)
        assert "".join(told) + joined.stdout
        lines = sorted({int(word) for word in ("".join(told) + joined.stdout).split()})
        assert lines == list(range(30)), "a pause loses nothing"
        before = (await box.get_info()).end_at
        await box.set_timeout(3000)
        assert (await box.get_info()).end_at > before

    in_box(body)


def test_snapshot_and_fork(in_box: Go, where: dict[str, Any]) -> None:
    async def body(box: AsyncSandbox) -> None:
        await box.files.write("state", "one")
        snapshot = await box.create_snapshot()
        copy = await AsyncSandbox.create(snapshot.snapshot_id, **where)
        (fork,) = await box.fork()
        assert isinstance(fork, AsyncSandbox)
        await fork.files.write("state", "two")
        assert await copy.files.read("state") == await box.files.read("state") == "one"
        await copy.kill()
        await fork.kill()
        assert await AsyncSandbox.delete_snapshot(snapshot.snapshot_id, **where)

    in_box(body)


def test_lists_and_figures(in_box: Go, where: dict[str, Any]) -> None:
    async def body(box: AsyncSandbox) -> None:
        others = [await AsyncSandbox.create(metadata={"suite": "smoke"}, **where) for _ in range(3)]
        pages = AsyncSandbox.list(query=SandboxQuery(metadata={"suite": "smoke"}), limit=2, **where)
        found = []
        while pages.has_next:
            found += [each.sandbox_id for each in await pages.next_items()]
        assert found == [each.sandbox_id for each in reversed(others)]
        await asyncio.gather(*(each.kill() for each in others))
        figures = await box.get_metrics()
        assert figures
        assert figures[-1].mem_used <= figures[-1].mem_total

    in_box(body)


def test_errors_by_class(in_box: Go, where: dict[str, Any]) -> None:
    async def body(box: AsyncSandbox) -> None:
        with pytest.raises(AuthenticationException):
            await AsyncSandbox.create(**{**where, "api_key": "e2b_" + "0" * 40})
        with pytest.raises(SandboxNotFoundException):
            await AsyncSandbox.connect("inone0000000000000000", **where)
        running = await box.commands.run("sleep 60", background=True, timeout=0)
        assert await box.kill()
        with pytest.raises(SandboxNotRunningException):
            await running.wait()
        with pytest.raises(SandboxNotRunningException):
            await box.commands.run("true")
        assert not await box.is_running()
        assert not await box.kill()

    in_box(body)
