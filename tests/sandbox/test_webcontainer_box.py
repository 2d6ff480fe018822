"""A box over a page that a test plays: what happens when the page crashes, hangs, refuses, or the time is over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from runner.errors import BoxCrashed, BoxError, BoxFileError, BoxGone, CommandTimeout, FileMissing, RequestRefused
from runner.run.ports import BoxRequest, Command
from runner.sandbox import webcontainer_box, webcontainer_process
from runner.sandbox.webcontainer_box import WebContainerBox


class Page:
    """A `Tab` whose commands do what a test says: by their text, a list of events, or nothing at all."""

    def __init__(self, programs: dict[str, list[dict[str, Any]]]) -> None:
        self.programs = programs
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.box: WebContainerBox | None = None
        self.lost = ""
        self.hears: list[Callable[[str], None]] = []
        self.closed = False
        self.refuses: dict[str, BoxError] = {}
        self.hangs: set[str] = set()
        self.memories: list[int | None] = []

    def on_lost(self, hear: Callable[[str], None]) -> None:
        self.hears.append(hear)

    def crash(self, reason: str) -> None:
        self.lost = reason
        for hear in self.hears:
            hear(reason)

    async def call(self, what: str, method: str, *arguments: Any) -> Any:
        self.calls.append((method, arguments))
        await asyncio.sleep(0)
        if self.lost:
            raise BoxGone(f"{what}: {self.lost}")
        if method in self.hangs:
            await asyncio.Event().wait()
        if method in self.refuses:
            raise self.refuses[method]
        if method == "spawn":
            key, request, *_ = arguments
            self.tell(*({"id": key, **event} for event in self.programs.get(request["args"][-1], [])))
        if method == "kill":
            self.tell({"kind": "exit", "id": arguments[0], "code": 143})
        return None

    def tell(self, *events: dict[str, Any]) -> None:
        assert self.box is not None
        self.box.hear(list(events))

    async def memory(self) -> int | None:
        return self.memories.pop(0) if self.memories else None

    async def close(self) -> None:
        self.closed = True

    def methods(self) -> list[str]:
        return [method for method, _ in self.calls]


class Addresses:
    """A container's addresses, none of which leads anywhere."""

    def __init__(self) -> None:
        self.closed = 0

    def offer(self, data: bytes) -> str:
        return "/files/x"

    def expect(self) -> tuple[str, asyncio.Future[bytes]]:
        return "/files/y", asyncio.get_running_loop().create_future()

    def preview(self, port: int) -> str:
        return f"http://{port}--token.localhost:1"

    def close(self) -> None:
        self.closed += 1


def out(text: str, kind: str = "1") -> dict[str, Any]:
    return {"kind": "output", "data": f"\0{kind}{len(text.encode())}:{text}"}


END = {"kind": "exit", "code": 0}


def play(body, programs=None, native=True, seconds=300.0):
    """Run a coroutine function on a fresh box and its page."""

    async def scenario():
        page, addresses = Page(programs or {}), Addresses()
        box = page.box = WebContainerBox(BoxRequest(timeout=seconds, env={"BOX": "1"}), addresses, page, native=native)
        box.begin("/home/user", lambda: None)
        try:
            async with asyncio.timeout(20):
                return await body(box, page)
        finally:
            await box.kill()
            assert addresses.closed == 1

    return asyncio.run(scenario())


def test_streams_come_apart_and_in_order():
    async def body(box, page):
        heard = []
        result = await box.run(Command("talk"), lambda stream, text: heard.append((stream, text)))
        return result, heard

    result, heard = play(body, {"talk": [out("a"), out("b", "2"), out("c"), {"kind": "exit", "code": 3}]})
    assert (result.exit_code, result.stdout, result.stderr) == (3, "ac", "b")
    assert heard == [("stdout", "a"), ("stderr", "b"), ("stdout", "c")]


@pytest.mark.parametrize(("native", "words"), [(True, ["bash", "-l", "-c"]), (False, ["node", "-e"])])
def test_a_command_is_framed_by_the_engine_or_by_a_program_around_it(native, words):
    async def body(box, page):
        await box.run(Command("true", env={"OWN": "2"}))
        return next(arguments[1] for method, arguments in page.calls if method == "spawn")

    request = play(body, {"true": [END]}, native)
    assert [request["command"], *request["args"]][: len(words)] == words
    assert request["args"][-1] == "true"
    assert {"HOME": "/home/user", "BOX": "1", "OWN": "2", "RUNNER_STDIN": "framed"}.items() <= request["env"].items()
    assert ("RUNNER_STREAMS" in request["env"]) is native


def test_input_is_sent_and_ended_and_without_any_ended_at_once():
    long = "ä" * 200_000

    async def body(box, page):
        await box.run(Command("cat", stdin="grüße".encode()))
        await box.run(Command("cat"))
        process = await box.start(Command("open", stdin=long.encode()))
        await asyncio.wait_for(process.wait(), 5)
        first = [call for call in page.calls if call[0] in ("write", "endInput")]
        process = await box.start(Command("open"))
        await process.write(b"later")
        await process.close_stdin()
        given = [call[1][2:] for call in page.calls if call[0] == "spawn"]
        return given, first, [call for call in page.calls if call[0] in ("write", "endInput")][len(first) :]

    given, first, second = play(_ends_later(body), {"cat": [END]})
    assert given == [("grüße",), ("",), (), ()]  # a None would be a null in the page, which is no text
    assert "".join(arguments[1] for method, arguments in first if method == "write") == long
    assert [call for call in first if call[0] == "endInput"] == [first[-1]] == [("endInput", ("p3",))]
    assert second == [("write", ("p4", "later")), ("endInput", ("p4",))]


def test_input_that_is_no_text_is_refused_before_the_command_starts():
    async def body(box, page):
        with pytest.raises(RequestRefused, match="byte 1 is no UTF-8"):
            await box.run(Command("cat", stdin=b"a\xff"))
        return page.methods()

    assert "spawn" not in play(body)


def _ends_later(body):
    """The third command ends when its input has."""

    async def with_end(box, page):
        call = page.call

        async def ending(what, method, *arguments):
            answer = await call(what, method, *arguments)
            if method == "endInput" and arguments == ("p3",):
                page.tell({"kind": "exit", "id": "p3", "code": 0})
            return answer

        page.call = ending
        return await body(box, page)

    return with_end


def test_a_timeout_kills_and_says_so():
    async def body(box, page):
        with pytest.raises(CommandTimeout, match=r"0\.05 s"):
            await box.run(Command("sleep", timeout=0.05))
        return page.methods().count("kill")

    assert play(body) >= 1


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGKILL", 137)])
def test_a_kill_counts_as_the_signal_that_was_meant(name, code):
    async def body(box, page):
        process = await box.start(Command("sleep", timeout=None))
        assert await process.signal(name)
        assert not await process.signal(name)
        return (await process.wait()).exit_code

    assert play(body) == code


def test_an_exit_code_of_its_own_stays_what_it_is():
    async def body(box, page):
        process = await box.start(Command("trap", timeout=None))
        page.call = _handled(page)
        assert await process.signal("SIGTERM")
        return (await process.wait()).exit_code

    def _handled(page):
        async def call(what, method, *arguments):
            if method == "kill":
                page.tell({"kind": "exit", "id": arguments[0], "code": 5})

        return call

    assert play(body) == 5


def test_a_cancelled_command_is_killed_first():
    async def body(box, page):
        running = asyncio.create_task(box.run(Command("sleep", timeout=None)))
        await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
        return page.methods()

    assert "kill" in play(body)


def test_a_crash_ends_everything_with_its_reason_and_every_later_call():
    async def body(box, page):
        running = asyncio.create_task(box.run(Command("sleep", timeout=None)))
        process = await box.start(Command("sleep", timeout=None))
        await asyncio.sleep(0.05)
        page.crash("the browser's tab crashed")
        for work in (running, process.wait(), box.run(Command("true")), box.info(), box.url(80), process.write(b"x")):
            with pytest.raises(BoxCrashed, match="tab crashed"):
                await work
        return await box.kill()

    assert play(body) is False


def test_a_box_that_was_killed_or_ran_out_of_time_did_not_crash():
    async def killed(box, page):
        await box.kill()
        with pytest.raises(BoxGone, match="killed") as caught:
            await box.info()
        return type(caught.value), page.closed

    async def expired(box, page):
        with pytest.raises(BoxGone, match="time to live") as caught:
            await box.run(Command("sleep", timeout=10))
        return type(caught.value), page.closed

    assert play(killed) == (BoxGone, True)
    assert play(expired, seconds=0.05) == (BoxGone, True)


@pytest.mark.parametrize(
    "die",
    [
        lambda page: page.crash("the browser's tab crashed"),
        lambda page: page.tell({"kind": "state", "state": "gone", "reason": "the engine died"}),
    ],
    ids=["tab", "engine"],
)
def test_a_box_that_is_gone_leaves_no_page_in_the_browser(die):
    async def body(box, page):
        die(page)
        await asyncio.sleep(0)
        return await box.kill(), page.closed

    assert play(body) == (False, True)


def test_paths_that_take_too_long_are_named(monkeypatch):
    monkeypatch.setattr(webcontainer_box, "_HELPER", 0.05)

    async def body(box, page):
        with pytest.raises(BoxFileError, match=r"slow.*was not done"):
            await box.stat("slow")
        return page.methods()

    assert "kill" in play(body)


def test_an_engine_that_does_not_answer_is_given_up(monkeypatch):
    monkeypatch.setattr(webcontainer_process, "GUARD", 0.05)
    monkeypatch.setattr(webcontainer_process, "ANSWER", 0.05)

    async def body(box, page):
        page.hangs.add("ping")
        with pytest.raises(BoxCrashed, match="no answer"):
            await box.run(Command("sleep", timeout=10))
        return page.closed

    assert play(body)


def test_a_working_folder_that_is_not_there_is_said():
    async def body(box, page):
        page.refuses["readdir"] = FileMissing("'x' cannot be used: ENOENT: no such file")
        with pytest.raises(FileMissing, match="working folder '/home/user/x'"):
            await box.run(Command("true", cwd="x"))
        return "spawn" in page.methods()

    assert play(body) is False


def test_a_command_that_cannot_be_started_leaves_nothing_behind():
    async def body(box, page):
        page.refuses["spawn"] = RequestRefused("no such program")
        with pytest.raises(RequestRefused):
            await box.start(Command("true"))
        del page.refuses["spawn"]
        return (await box.run(Command("true"))).exit_code

    assert play(body, {"true": [END]}) == 0


def test_addresses_of_ports_are_those_that_the_engine_tells():
    async def body(box, page):
        before = await box.url(3000)
        page.tell({"kind": "port", "port": 3000, "state": "open", "url": "http://there/"})
        told, ports = await box.url(3000), box.open_ports
        page.tell({"kind": "port", "port": 3000, "state": "close", "url": "http://there/"})
        return before, told, ports, box.open_ports

    before, told, ports, after = play(body)
    assert (before, told) == ("http://3000--token.localhost:1", "http://there")
    assert (ports, after) == (frozenset({3000}), frozenset())


def test_the_vendors_engine_has_no_address_for_a_port_that_is_shut():
    async def body(box, page):
        with pytest.raises(BoxError, match="nothing listens on port 3000"):
            await box.url(3000)

    play(body, native=False)


def test_memory_is_told_where_the_browser_tells_it():
    async def body(box, page):
        assert await box.metrics() is None
        page.memories = [1000]
        first, second = await box.metrics(), await box.metrics()
        return first.memory_bytes, second

    assert play(body) == (1000, None)


def test_a_path_with_nul_is_refused_before_anybody_is_asked():
    async def body(box, page):
        with pytest.raises(RequestRefused, match="NUL"):
            await box.read("a\0b")
        return page.calls

    assert play(body) == []


def test_a_request_that_is_too_long_for_an_argument_goes_by_a_file():
    async def body(box, page):
        asked = asyncio.create_task(box.stat("x" * 100_000))
        await asyncio.sleep(0.1)
        asked.cancel()
        await asyncio.wait([asked])
        spawned = next(arguments[1] for method, arguments in page.calls if method == "spawn")
        return page.methods()[0], spawned["args"][-1]

    first, argument = play(body)
    assert first == "mount"
    assert argument.startswith("@/home/user/.runner-")


def test_the_helper_is_asked_in_json():
    async def body(box, page):
        asked = asyncio.create_task(box.stat("ä b"))
        await asyncio.sleep(0.05)
        asked.cancel()
        await asyncio.wait([asked])
        spawned = next(arguments[1] for method, arguments in page.calls if method == "spawn")
        return json.loads(spawned["args"][-1])

    assert play(body) == {"task": "stat", "path": "/home/user/ä b"}
