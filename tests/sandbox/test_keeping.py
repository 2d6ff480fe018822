"""Commands that a box keeps: the same to who listens, found again by their names, dead when they are to be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from runner.errors import CommandTimeout
from runner.run.ports import BoxRequest, Command, CommandResult
from runner.sandbox import keeping
from runner.sandbox.fake import FakeBox, FakeCloud, FakeSandbox
from runner.sandbox.keeping import Keeping, wrapped

Heard = list[tuple[str, str]]


def in_box(scenario: Callable[[FakeBox, Keeping], Awaitable[None]]) -> None:
    async def main() -> None:
        cloud = FakeCloud(lasting=True)
        box = await FakeSandbox(cloud).create(BoxRequest())
        assert box.keeping is not None
        try:
            await scenario(box, box.keeping)
        finally:
            cloud.free_all()

    asyncio.run(main())


@pytest.mark.parametrize(
    "text",
    [
        "set -e; echo one\nnosuchprogram\necho never",
        'f() { echo $LINENO $0 "$*"; }\nf \'a  b\' "it\'s \\\\ \\n"\necho é >&2; exit 7',
        "kill -9 $BASHPID",
        "kill -TERM $$; sleep 9",
        "trap 'echo bye; exit 4' EXIT; false",
        "exec sh -c 'echo other; exit 6'",
        "cat; echo $SHLVL; [[ $- == *i* ]] || echo plain",
        "(echo $BASH_SUBSHELL >/dev/null; exit 2) || echo caught; declare -p _kept _code",
    ],
)
def test_nobody_who_listens_notices_the_wrapper(text: str) -> None:
    async def scenario(box: FakeBox, _kept: Keeping) -> None:
        plain = Command(text, stdin=b"input\n")
        assert await box.run(replace(plain, keep="one")) == await box.run(plain)

    in_box(scenario)


def test_what_was_heard_before_is_left_out_in_characters() -> None:
    async def scenario(box: FakeBox, kept: Keeping) -> None:
        await box.run(Command(r"printf 'äö\xff\nrest'; echo oh >&2; exit 3", keep="one"))
        heard: Heard = []
        ended = await kept.rejoin("one", 10, {"stdout": 3}, lambda *piece: heard.append(piece))
        assert (ended.exit_code, sorted(heard)) == (3, [("stderr", "oh\n"), ("stdout", "\nrest")])

    in_box(scenario)


def test_after_its_output_is_forgotten_its_end_is_known() -> None:
    async def scenario(box: FakeBox, kept: Keeping) -> None:
        await box.run(Command("echo hi; exit 3", keep="one"))
        await kept.forget("one")
        assert await kept.there("one")
        assert await kept.rejoin("one", 10, {}, lambda *_: None) == CommandResult(3, "", "")
        assert "stdout" not in [each.name for each in await box.list(kept.folder("one"))]

    in_box(scenario)


def test_when_its_time_is_over_the_whole_tree_is_dead() -> None:
    async def scenario(box: FakeBox, kept: Keeping) -> None:
        process = await box.start(Command("setsid sleep 71.5 & sleep 71.5", keep="one", timeout=None))
        await box.run(Command(f"until [ -e {kept.folder('one')}/pid ]; do sleep 0.01; done"))
        with pytest.raises(CommandTimeout, match="after it was taken up"):
            await kept.rejoin("one", 0.2, {}, lambda *_: None)
        assert (await process.wait()).exit_code == 137
        assert not await kept.there("one"), "nobody knows how it would have ended"
        assert (await box.run(Command("grep -lzsx 'RUNNER_COMMAND_ID=one' /proc/[0-9]*/environ"))).stdout == ""

    in_box(scenario)


def test_when_nobody_wants_it_any_more_it_is_dead() -> None:
    async def scenario(box: FakeBox, kept: Keeping) -> None:
        process = await box.start(Command("echo begun; sleep 72.5", keep="one", timeout=None))
        begun = asyncio.Event()
        following = asyncio.ensure_future(_patient(kept, begun))
        await begun.wait()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        assert following.cancelled()
        assert (await process.wait()).exit_code == 137

    in_box(scenario)


async def _patient(kept: Keeping, begun: asyncio.Event) -> None:
    while not begun.is_set():
        await kept.rejoin("one", 20, {}, lambda *_: begun.set())


@pytest.mark.parametrize("code", [None, b"not a number", b"4711"])
def test_a_command_whose_end_nobody_saw_counts_as_killed(code: bytes | None) -> None:
    async def scenario(box: FakeBox, kept: Keeping) -> None:
        await box.run(Command("echo hi", keep="one"))
        await (
            box.remove(f"{kept.folder('one')}/code") if code is None else box.write(f"{kept.folder('one')}/code", code)
        )
        assert (await kept.rejoin("one", 10, {}, lambda *_: None)).exit_code == 137

    in_box(scenario)


def test_a_name_that_the_box_does_not_know() -> None:
    async def scenario(_box: FakeBox, kept: Keeping) -> None:
        assert not await kept.there("one")
        assert (await kept.rejoin("one", 10, {}, lambda *_: None)).exit_code == 137

    in_box(scenario)


def test_what_does_not_fit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "LONGEST", 8)

    async def scenario(box: FakeBox, kept: Keeping) -> None:
        whole = await box.run(Command("yes | head -c 100000; exit 3", keep="one"))
        assert (len(whole.stdout), whole.exit_code) == (100000, 3)
        heard: Heard = []
        ended = await kept.rejoin("one", 10, {"stdout": 8000}, lambda *piece: heard.append(piece))
        assert ended.exit_code == 3
        assert "".join(text for name, text in heard if name == "stdout") == "y\n" * 96
        assert "was not kept" in "".join(text for name, text in heard if name == "stderr")

    in_box(scenario)


def test_a_command_that_leaves_no_room_for_the_wrapper_runs_without_it() -> None:
    assert wrapped("x" * 131_000, "/tmp/kept") == "x" * 131_000
    assert wrapped("x", "/tmp/kept") != "x"
