"""The genuine synchronous Python SDK against the embedded endpoint: one test for each thing that its users do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from e2b import CommandExitException, FilesystemEventType, Sandbox, SandboxQuery, SandboxState
from e2b.exceptions import (
    AuthenticationException,
    FileNotFoundException,
    InvalidArgumentException,
    SandboxNotFoundException,
    SandboxNotRunningException,
    TimeoutException,
)
from e2b.sandbox.commands.command_handle import PtySize

from runner.embedded.e2b.launch import Endpoint

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def where(embedded_e2b: Endpoint) -> dict[str, Any]:
    """What tells the SDK where the endpoint is."""
    return {
        "api_url": embedded_e2b.api_url,
        "sandbox_url": embedded_e2b.sandbox_url,
        "api_key": embedded_e2b.api_key,
    }


@pytest.fixture(scope="module")
def box(where: dict[str, Any]) -> Iterator[Sandbox]:
    """One box for the tests that leave it alive."""
    with Sandbox.create(timeout=300, **where) as made:
        yield made


def test_commands(box: Sandbox) -> None:
    pieces: list[str] = []
    done = box.commands.run("echo $A", envs={"A": "yes"}, on_stdout=pieces.append)
    assert (done.stdout, pieces) == ("yes\n", ["yes\n"])
    with pytest.raises(CommandExitException) as caught:
        box.commands.run("echo bad >&2; exit 9")
    assert (caught.value.exit_code, caught.value.stderr) == (9, "bad\n")
    with pytest.raises(TimeoutException):
        box.commands.run("sleep 60", timeout=0.7)
    with pytest.raises(InvalidArgumentException, match="nowhere"):
        box.commands.run("true", cwd="/nowhere")


def test_background_commands(box: Sandbox) -> None:
    running = box.commands.run("cat; echo end", background=True, stdin=True)
    box.commands.send_stdin(running.pid, "through\n")
    box.commands.close_stdin(running.pid)
    assert running.wait().stdout == "through\nend\n"
    sleeping = box.commands.run("echo started; sleep 60", background=True, timeout=0)
    assert sleeping.pid in [each.pid for each in box.commands.list()]
    assert next(iter(sleeping))[0] == "started\n"
    assert sleeping.kill()
    assert not box.commands.kill(sleeping.pid)


def test_an_ended_command_can_still_be_connected_to(box: Sandbox) -> None:
    running = box.commands.run("sleep 0.2; echo missed; exit 5", background=True, timeout=0)
    running.disconnect()
    while running.pid in [each.pid for each in box.commands.list()]:
        time.sleep(0.05)
    with pytest.raises(CommandExitException) as caught:
        box.commands.connect(running.pid).wait()
    assert (caught.value.stdout, caught.value.exit_code) == ("missed\n", 5)


def test_a_terminal(box: Sandbox) -> None:
    terminal = box.pty.create(PtySize(rows=24, cols=80))
    box.pty.resize(terminal.pid, PtySize(rows=40, cols=100))
    box.pty.send_stdin(terminal.pid, b"stty size; exit\n")
    heard = bytearray()
    terminal.wait(on_pty=heard.extend)
    assert b"40 100" in heard
    left = box.pty.create(PtySize(rows=24, cols=80))
    assert box.pty.kill(left.pid)
    assert not box.pty.kill(left.pid)


def test_files(box: Sandbox) -> None:
    files = [{"path": f"many/{number}", "data": str(number)} for number in range(5)]
    assert [each.name for each in box.files.write_files(files)] == ["0", "1", "2", "3", "4"]  # type: ignore[arg-type]
    assert box.files.read("many/3") == "3"
    assert box.files.write("many/marked", "x", metadata={"by": "test"}).metadata == {"by": "test"}
    assert {each.name: each.metadata for each in box.files.list("many")}["marked"] == {"by": "test"}
    assert box.files.write("many/marked", "y").metadata is None
    assert box.files.get_info("many/marked").metadata is None, "what is written over loses its metadata"
    assert b"".join(box.files.read("many/4", format="stream")) == b"4"
    assert box.files.rename("many", "moved").path == "/home/user/moved"
    assert box.files.make_dir("moved/new")
    assert not box.files.make_dir("moved/new")
    box.files.remove("moved")
    assert not box.files.exists("moved")
    with pytest.raises(FileNotFoundException):
        box.files.get_info("moved")


def test_a_watched_folder(box: Sandbox) -> None:
    box.files.make_dir("watched")
    handle = box.files.watch_dir("watched")
    box.files.write("watched/f", "x")
    box.files.rename("watched/f", "elsewhere")
    assert [(event.type, event.name) for event in handle.get_new_events()] == [
        (FilesystemEventType.CREATE, "f"),
        (FilesystemEventType.CHMOD, "f"),
        (FilesystemEventType.WRITE, "f"),
        (FilesystemEventType.RENAME, "f"),
    ]
    handle.stop()


def test_signed_urls(box: Sandbox) -> None:
    box.files.write("signed", "content")
    assert httpx.get(box.download_url("signed")).text == "content"
    assert httpx.post(box.upload_url("sent"), files={"file": ("other", b"sent")}).status_code == 200
    assert box.files.read("sent") == "sent"
    late = httpx.get(box.download_url("signed", use_signature_expiration=-60))
    assert (late.status_code, late.json()) == (401, {"code": 401, "message": "signature is already expired"})


def test_a_port(box: Sandbox, embedded_e2b: Endpoint) -> None:
    box.commands.run("echo hi > index.html; python3 -m http.server 8124", background=True, timeout=0)
    box.commands.run("while ! (: < /dev/tcp/127.0.0.1/8124) 2>/dev/null; do sleep 0.05; done")
    assert httpx.get(embedded_e2b.sandbox_url, headers={"Host": box.get_host(8124)}).text == "hi\n"
    assert httpx.get(embedded_e2b.sandbox_url, headers={"Host": box.get_host(3999)}).status_code == 502


def test_pause_and_connect(where: dict[str, Any]) -> None:
    with Sandbox.create(**where) as box:
        running = box.commands.run("sleep 60", background=True, timeout=0)
        box.files.write("kept", "kept")
        box.pause()
        assert not box.is_running()
        assert box.get_info().state is SandboxState.PAUSED
        again = Sandbox.connect(box.sandbox_id, timeout=600, **where)
        assert again.files.read("kept") == "kept"
        assert [each.pid for each in again.commands.list()] == [running.pid]
        assert (again.get_info().end_at - again.get_info().started_at).total_seconds() > 500


def test_a_box_that_slept_without_memory_has_been_started_anew(where: dict[str, Any]) -> None:
    with Sandbox.create(**where) as box:
        box.files.write("kept", "kept")
        before = box.files.read("/proc/sys/kernel/random/boot_id")
        assert box.pause(keep_memory=False)
        box.connect()
        assert box.files.read("kept") == "kept"
        assert box.files.read("/proc/sys/kernel/random/boot_id") != before


def test_snapshot_and_fork(box: Sandbox, where: dict[str, Any]) -> None:
    box.files.write("state", "one")
    snapshot = box.create_snapshot()
    with Sandbox.create(snapshot.snapshot_id, **where) as copy:
        assert copy.files.read("state") == "one"
    (fork,) = box.fork()
    assert isinstance(fork, Sandbox)
    fork.files.write("state", "two")
    assert box.files.read("state") == "one"
    assert fork.kill()
    assert Sandbox.delete_snapshot(snapshot.snapshot_id, **where)
    assert not Sandbox.delete_snapshot(snapshot.snapshot_id, **where)


def test_lists_and_figures(box: Sandbox, where: dict[str, Any]) -> None:
    with Sandbox.create(metadata={"suite": "sync"}, **where) as other:
        pages = Sandbox.list(query=SandboxQuery(metadata={"suite": "sync"}), **where)
        assert [each.sandbox_id for each in pages.next_items()] == [other.sandbox_id]
        assert not pages.has_next
    assert box.get_metrics()[-1].mem_total > 0


def test_errors_by_class(where: dict[str, Any]) -> None:
    with pytest.raises(AuthenticationException):
        Sandbox.create(**{**where, "api_key": "e2b_" + "0" * 40})
    with pytest.raises(SandboxNotFoundException):
        Sandbox.connect("inone0000000000000000", **where)
    box = Sandbox.create(**where)
    assert box.kill()
    with pytest.raises(SandboxNotRunningException):
        box.commands.run("true")
    with pytest.raises(SandboxNotRunningException):
        box.files.read("x")
    assert not box.is_running()
    assert not box.kill()
