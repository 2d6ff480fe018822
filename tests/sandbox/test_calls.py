"""What is undone when nobody waits for a call any more, and how errors of vendors are cited."""

from __future__ import annotations

import asyncio

import pytest

from runner.sandbox.calls import finished, one_line


@pytest.mark.parametrize("fails", [False, True], ids=["undone", "undoing fails"])
def test_what_a_call_has_made_is_undone_when_its_caller_was_cancelled(fails: bool) -> None:
    undone = []

    async def scenario() -> None:
        going, goes_on = asyncio.Event(), asyncio.Event()

        async def make() -> str:
            going.set()
            await goes_on.wait()
            return "box"

        async def undo(made: str) -> None:
            undone.append(made)
            if fails:
                raise ConnectionError

        caller = asyncio.create_task(finished(make(), undo))
        await going.wait()
        caller.cancel()
        await asyncio.sleep(0)
        assert not caller.done(), "what it makes is waited for"
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await caller

    asyncio.run(scenario())
    assert undone == ["box"]


def test_what_somebody_waits_for_is_kept() -> None:
    async def make() -> str:
        return "box"

    async def undo(_: str) -> None:
        pytest.fail("it is in use")

    assert asyncio.run(finished(make(), undo)) == "box"


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\n  b", "a b"), ("key hush key", "key *** key"), ("x" * 21, "x" * 19 + "…"), ("x" * 20, "x" * 20)],
)
def test_a_vendor_s_text_is_one_short_line_without_secrets(text: str, line: str) -> None:
    assert one_line(text, ["hush", ""], 20) == line
