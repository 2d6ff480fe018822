"""Many who want boxes at once, and some who leave meanwhile: nobody waits for what never comes, nothing is left."""

from __future__ import annotations

import asyncio

import pytest

from runner.compiler.plan.choose import Account, Fact
from runner.errors import RateLimited
from runner.run.gate import Gate
from runner.run.interrupt import NEVER, Control


def play(lab, spec, **files):
    named = {f"{name}.yaml": text for name, text in files.items()}
    return asyncio.run(asyncio.wait_for(lab.live(lab.planned(spec, files=named)), 20))


def account(lab, **limits):
    lab.providers["e2b"] = type(lab.fake)(lab.cloud, "e2b")
    lab.facts = {"e2b": Fact(True, "there", account=Account(**limits))}


def test_a_box_whose_leg_is_stopped_while_it_is_made_is_freed_at_once(lab):
    account(lab, boxes=2)
    create, begun = lab.providers["e2b"].create, []

    async def slow(request):
        begun.append(1)
        await asyncio.sleep(0.3 if len(begun) == 1 else 0)
        return await create(request)

    lab.providers["e2b"].create = slow
    spec = """
spec: 1
name: lab
sandboxes: {py: {needs: {runtime: python}, prefer: [e2b], scope: step}}
steps:
  m: {sandbox: py, matrix: {n: [1, 2], fail_fast: true}, run: "exit ${{ matrix.n }}"}
  x: {sandbox: py, if: steps.m.state == 'failed', after: [m], run: 'true'}
  y: {sandbox: py, if: steps.m.state == 'failed', after: [m], run: 'true'}
  z: {sandbox: py, after: [x, y], run: sleep 0.1}
"""
    done = play(lab, spec)
    assert [done.states[key] for key in ("x", "y", "z")] == ["succeeded"] * 3
    assert "cancelled" in done.states.values()
    before = done.types()[: done.types().index("step.cancelled")]
    assert before.count("box.created") == before.count("box.killed") == 2


def test_who_is_told_of_a_full_account_waits_all_the_same(lab):
    account(lab, boxes=2)
    spec = """
spec: 1
name: lab
sandboxes: {py: {needs: {runtime: python}, prefer: [e2b], scope: step}}
policies: [{id: n, on: sandbox.quota, do: notify}]
steps: {m: {sandbox: py, matrix: {n: [1, 2, 3, 4, 5]}, run: sleep 0.02}}
"""
    assert play(lab, spec).state == "succeeded"


def test_a_shared_box_is_moved_though_the_account_is_full(lab):
    account(lab, boxes=1, session=1000)
    create = lab.providers["e2b"].create

    async def make(request):
        box = await create(request)
        run = box.run

        async def takes(command, on_output=None):
            lab.clock.time += 500
            return await run(command, on_output)

        box.run = takes
        return box

    lab.providers["e2b"].create = make
    spec = """
spec: 1
name: lab
sandboxes: {py: {needs: {runtime: python}, prefer: [e2b]}}
defaults: {timeout: 600s}
steps: {a: {sandbox: py, run: echo of-a > kept}, b: {sandbox: py, after: [a], run: cat kept}}
"""
    done = play(lab, spec)
    assert done.state == "succeeded", done.report.document["message"]
    assert ("b", "stdout", "of-a\n") in lab.text


def test_a_shared_box_that_nobody_uses_ends_with_its_budget(lab, monkeypatch):
    account(lab)
    spec = """
spec: 1
name: lab
sandboxes:
  py: {needs: {runtime: python}, prefer: [e2b], budget: {hours: 0.1}}
  other: {needs: {runtime: python}, prefer: [e2b]}
defaults: {timeout: 300s}
steps: {a: {sandbox: py, run: 'true'}, b: {sandbox: other, after: [a], run: 'true'}}
"""
    create, sleep = lab.providers["e2b"].create, asyncio.sleep

    async def make(request):
        box = await create(request)
        if request.labels["sandbox"] == "other":
            run = box.run

            async def takes_ten_minutes(command, on_output=None):
                for _ in range(300):
                    lab.clock.time += 2
                    await sleep(0)
                    await sleep(0)
                return await run(command, on_output)

            box.run = takes_ten_minutes
        return box

    async def by_the_clock(seconds, *more):
        until = lab.clock.now() + seconds
        while lab.clock.now() < until:
            await sleep(0)

    lab.providers["e2b"].create = make
    monkeypatch.setattr(asyncio, "sleep", by_the_clock)
    done = play(lab, spec)
    assert done.state == "succeeded"
    mine = [event for event in done.of("box.killed") if event.data["sandbox"] == "py"]
    assert 360 <= mine[0].data["seconds"] < 380, "the budget is six minutes"


def test_one_long_retry_after_does_not_slow_a_run_down_for_ever(lab):
    gate = Gate("e2b", Account(), lab.clock)

    async def main():
        error = RateLimited("slow down")
        error.retry_after = 60.0
        assert gate.refused(await gate.enter(print, passing=True), error)
        for _ in range(60):
            place = await gate.enter(print, passing=True)
            gate.keep(place)
            gate.leave(place)

    began = lab.clock.now()
    asyncio.run(main())
    assert lab.clock.now() - began < 900


def test_an_accounts_own_pace_is_never_exceeded(lab):
    gate = Gate("e2b", Account(creates=1.0), lab.clock)

    async def main():
        error = RateLimited("slow down")
        error.retry_after = 4.0
        gate.refused(await gate.enter(print, passing=True), error)
        for _ in range(60):
            gate.keep(await gate.enter(print, passing=True))

    asyncio.run(main())
    assert min(lab.clock.slept) >= 1.0


@pytest.mark.parametrize("turns", range(4))
def test_what_was_got_in_the_turn_in_which_its_caller_is_cancelled_is_given_back(turns):
    async def main():
        control, given_back = Control(), []
        ready = asyncio.Event()

        async def get():
            await ready.wait()
            return "a place"

        waiting = asyncio.ensure_future(control.guard(get(), NEVER, idle=True, undo=given_back.append))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ready.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        (got,) = await asyncio.gather(waiting, return_exceptions=True)
        return got, given_back

    got, given_back = asyncio.run(main())
    if got == "a place":
        assert given_back == []
    else:
        assert isinstance(got, asyncio.CancelledError)
        assert given_back in ([], ["a place"])
        assert turns != 1 or given_back == ["a place"]
