"""The stop button, and work that is not interrupted."""

from __future__ import annotations

import asyncio

import pytest

from runner.run.interrupt import FINAL, STEPS, Control, Stopped, uninterrupted


def test_work_is_done_to_its_end_however_often_its_caller_is_cancelled():
    async def main():
        done = []

        async def work():
            await asyncio.sleep(0.05)
            done.append(True)
            return 7

        task = asyncio.ensure_future(uninterrupted(work()))
        for _ in range(3):
            await asyncio.sleep(0.005)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert done == [True]
        assert await uninterrupted(work()) == 7

    asyncio.run(main())


def test_the_error_of_uninterrupted_work_comes_out():
    async def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(uninterrupted(fail()))


def test_stops_have_levels_and_groups():
    control = Control()
    assert not control.stopped(STEPS)
    control.stop_group("m", "one failed")
    control.stop_group("m", "another")
    assert control.stopped(STEPS, "m")
    assert not control.stopped(STEPS, "n")
    assert control.why("m") == "one failed"
    assert control.why("n") == "the run ended early"
    for level in (STEPS, FINAL, FINAL):
        control.stop("Ctrl-C")
        assert control.level == level
    assert control.why("m") == "Ctrl-C"


def test_guarded_work_is_cleaned_up_before_stopped_is_raised():
    async def main():
        control, seen = Control(), []

        async def work():
            try:
                await asyncio.Event().wait()
            finally:
                seen.append("cleaned")

        task = asyncio.ensure_future(control.guard(work(), STEPS))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        control.stop("now")
        with pytest.raises(Stopped):
            await task
        assert seen == ["cleaned"]
        with pytest.raises(Stopped):
            await control.guard(work(), STEPS)

    asyncio.run(main())


def test_work_of_a_cancelled_caller_ends_first():
    async def main():
        seen = []

        async def work():
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.01)
                seen.append("cleaned")

        task = asyncio.ensure_future(Control().guard(work(), STEPS))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen == ["cleaned"]

    asyncio.run(main())
