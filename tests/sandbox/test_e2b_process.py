"""Following a command when the box, the network or the clock ends it, with a box that is not there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from e2b.exceptions import SandboxNotRunningException

from runner.errors import BoxGone, CommandTimeout, ProviderOffline
from runner.run.ports import Command
from runner.sandbox import e2b_process
from runner.sandbox.e2b_errors import translated
from runner.sandbox.e2b_process import E2BProcess


class Handle:
    """A command of the SDK that ends when told to."""

    pid = 42
    stdout, stderr = "out", "err"

    def __init__(self) -> None:
        self.exit_code: int | None = None
        self.error: str | None = None
        self.ended = asyncio.Event()
        self.failure: Exception | None = None
        self.sent: list[bytes | None] = []
        self.disconnected = False

    async def wait(self) -> object:
        await self.ended.wait()
        if self.failure is not None:
            raise self.failure
        return None

    async def disconnect(self) -> None:
        self.disconnected = True

    async def send_stdin(self, data: bytes, request_timeout: float | None = None) -> None:
        self.sent.append(data)

    async def close_stdin(self) -> None:
        self.sent.append(None)


class Host:
    """A box that answers from a list: True, False, or an error; the last for ever."""

    def __init__(self, handle: Handle, *lives: bool | Exception) -> None:
        self.handle, self.answers, self.killed = handle, list(lives or (True,)), list[str]()

    def errors(self, what: str) -> AbstractContextManager[None]:
        return translated(what)

    async def lives(self) -> bool:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def kill_tree(self, command_id: str, root: int, name: str = "SIGKILL") -> bool:
        self.killed.append(f"{command_id} {root} {name}")
        self.handle.exit_code, self.handle.error = -1, "signal: killed"
        self.handle.ended.set()
        return True


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(e2b_process, "GUARD", 0.01)
    monkeypatch.setattr(e2b_process, "_DRAIN", 0.01)
    return


def follow(host: Host, command: Command) -> E2BProcess:
    return E2BProcess(host, host.handle, command, "id")


def test_a_box_that_dies_silently_ends_the_wait() -> None:
    async def scenario() -> Host:
        host = Host(Handle(), True, True, False)
        with pytest.raises(BoxGone, match="died while the command ran"):
            await follow(host, Command("x", timeout=None)).wait()
        return host

    assert asyncio.run(scenario()).handle.disconnected


def test_no_answer_is_forgiven_twice_in_a_row() -> None:
    offline = ProviderOffline("no answer")

    async def scenario() -> None:
        host = Host(Handle(), offline, offline, True, offline, offline, True, offline)
        with pytest.raises(ProviderOffline):
            await follow(host, Command("x", timeout=None)).wait()
        assert len(host.answers) == 1, "it was asked until the third silence in a row"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("lives", "says"),
    [(False, "died while the command ran"), (ProviderOffline("no answer"), "its endpoint does not answer any more")],
    ids=["box", "endpoint"],
)
def test_a_lost_box_is_told_in_one_sentence(lives: bool | Exception, says: str) -> None:
    """Not in the SDK's words, which begin with where in its layers the stream broke."""

    async def scenario() -> None:
        handle = Handle()
        handle.failure = SandboxNotRunningException("Error reading content: unexpected EOF during chunk size line")
        handle.ended.set()
        with pytest.raises(BoxGone, match=says) as caught:
            await follow(Host(handle, lives), Command("x")).wait()
        assert "EOF" not in caught.value.message

    asyncio.run(scenario())


@pytest.mark.parametrize(("lives", "wanted"), [(False, BoxGone), (True, ProviderOffline)])
def test_a_broken_stream_is_explained_by_asking_the_box(lives: bool, wanted: type[Exception]) -> None:
    async def scenario() -> None:
        handle = Handle()
        handle.failure = Exception("Command ended without an end event")
        handle.ended.set()
        with pytest.raises(wanted):
            await follow(Host(handle, lives), Command("x")).wait()

    asyncio.run(scenario())


def test_a_timeout_kills_first_and_then_says_so() -> None:
    async def scenario() -> Host:
        host = Host(Handle())
        with pytest.raises(CommandTimeout, match=r"0\.05 s"):
            await follow(host, Command("x", timeout=0.05)).wait()
        return host

    assert asyncio.run(scenario()).killed == ["id 42 SIGKILL"]


def test_a_timeout_of_a_dead_box_is_not_called_a_timeout() -> None:
    async def scenario() -> None:
        host = Host(Handle())

        async def gone(*_: object) -> bool:
            raise BoxGone("gone")

        host.kill_tree = gone  # type: ignore[method-assign]
        with pytest.raises(BoxGone):
            await follow(host, Command("x", timeout=0.02)).wait()

    asyncio.run(scenario())


def test_giving_up_kills_and_stops_following() -> None:
    async def scenario() -> Host:
        host = Host(Handle())
        process = follow(host, Command("x", timeout=None))
        await asyncio.sleep(0)
        await process.abandon()
        with pytest.raises(asyncio.CancelledError):
            await process.wait()
        return host

    assert asyncio.run(scenario()).killed == ["id 42 SIGKILL"]


def test_input_is_sent_in_pieces_and_closed() -> None:
    async def scenario() -> list[bytes | None]:
        host = Host(Handle())
        process = follow(host, Command("x", stdin=b"x" * (1024 * 1024 + 1)))
        await asyncio.sleep(0.05)
        host.handle.exit_code = 0
        host.handle.ended.set()
        await process.wait()
        return host.handle.sent

    assert [len(piece) if piece is not None else None for piece in asyncio.run(scenario())] == [
        524288, 524288, 1, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "error", "wanted"),
    [
        (0, None, 0),
        (3, "exit status 3", 3),
        (-1, "signal: killed", 137),
        (-1, "signal: terminated", 143),
        (-1, "signal: segmentation fault (core dumped)", 139),
        (-9, "", 137),
        (255, "exit status 255", 255),
    ],
)
def test_exit_codes_and_signals(code: int, error: str | None, wanted: int) -> None:
    async def scenario() -> int:
        handle = Handle()
        handle.exit_code, handle.error = code, error
        handle.failure = None if code == 0 else Exception("the SDK raises for these")
        handle.ended.set()
        return (await follow(Host(handle), Command("x")).wait()).exit_code

    assert asyncio.run(scenario()) == wanted
