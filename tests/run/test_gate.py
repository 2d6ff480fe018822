"""The gate before a provider: places, pace, what is learned from refusals, who goes first."""

from __future__ import annotations

import asyncio

import pytest

from runner.compiler.plan.choose import Account, Fact
from runner.errors import QuotaExhausted, RateLimited
from runner.run.gate import PROBE, WINDOW, Gate, Gates


def quiet(_reason):
    pass


def play(lab, scenario, **account):
    gate = Gate("e2b", Account(**account), lab.clock)

    async def main():
        await scenario(gate)

    asyncio.run(asyncio.wait_for(main(), 20))


def test_places_are_given_in_the_order_of_asking_and_never_more_than_there_are(lab):
    told, order = [], []

    async def scenario(gate):
        async def one(number):
            place = await gate.enter(told.append, passing=True)
            gate.keep(place)
            order.append(number)
            await asyncio.sleep(0.001)
            gate.leave(place)

        await asyncio.gather(*(one(number) for number in range(5)))

    play(lab, scenario, boxes=2)
    assert order == [0, 1, 2, 3, 4]
    assert told
    assert "2 boxes at once are the limit" in told[0]


def test_who_asks_after_a_place_is_free_goes_behind_those_in_line(lab):
    order = []

    async def scenario(gate):
        first = await gate.enter(quiet, passing=True)

        async def one(name):
            place = await gate.enter(quiet, passing=True)
            order.append(name)
            gate.leave(place)

        waiting = asyncio.ensure_future(one("waiting"))
        await asyncio.sleep(0)
        gate.leave(first)
        await asyncio.gather(one("newcomer"), waiting)

    play(lab, scenario, boxes=1)
    assert order == ["waiting", "newcomer"]


def test_full_of_boxes_that_live_as_long_as_the_run_is_a_failure_at_once(lab):
    async def scenario(gate):
        gate.keep(await gate.enter(quiet, passing=False))
        with pytest.raises(QuotaExhausted, match="this run holds them all"):
            await gate.enter(quiet, passing=True)

    play(lab, scenario, boxes=1)


def test_the_impatient_do_not_wait(lab):
    async def scenario(gate):
        gate.keep(await gate.enter(quiet, passing=True))
        with pytest.raises(QuotaExhausted):
            await gate.enter(quiet, passing=True, patient=False)

    play(lab, scenario, boxes=1)


def test_boxes_are_made_no_faster_than_the_account_allows(lab):
    told = []

    async def scenario(gate):
        for _ in range(4):
            await gate.enter(told.append, passing=True)

    play(lab, scenario, creates=2.0)
    assert lab.clock.slept == pytest.approx([0.525, 0.525, 0.525])
    assert told[0] == "e2b: 2 boxes made in a second are the limit"


def test_who_is_cancelled_while_it_keeps_the_pace_gives_its_place_back(lab, monkeypatch):
    async def scenario(gate):
        await gate.enter(quiet, passing=True)
        begun = asyncio.Event()

        async def forever(_seconds):
            begun.set()
            await asyncio.Event().wait()

        lab.clock.sleep = forever
        second = asyncio.ensure_future(gate.enter(quiet, passing=True))
        await begun.wait()
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        assert len(gate._places) == 1

    play(lab, scenario, creates=1.0)


def test_too_many_requests_slow_the_gate_down(lab):
    async def scenario(gate):
        error = RateLimited("slow down")
        error.retry_after = 4.0
        assert gate.refused(await gate.enter(quiet, passing=True), error)
        gate.keep(await gate.enter(quiet, passing=True))
        gate.keep(await gate.enter(quiet, passing=True))
        assert lab.clock.slept == pytest.approx([4.0, 4.2])
        assert gate.refused(await gate.enter(quiet, passing=True), RateLimited("no hint"))

    play(lab, scenario)


def test_a_limit_is_learned_from_a_refusal_and_tried_again_later(lab):
    async def scenario(gate):
        places = [await gate.enter(quiet, passing=True) for _ in range(4)]
        gate.keep(places[0])
        gate.keep(places[1])
        assert gate.refused(places[3], QuotaExhausted("too many"))
        gate.keep(places[2])
        with pytest.raises(QuotaExhausted, match="3 boxes"):
            await gate.enter(quiet, passing=True, patient=False)
        lab.clock.time += PROBE
        gate.keep(await gate.enter(quiet, passing=True, patient=False))

    play(lab, scenario)


def test_a_refusal_while_others_hold_all_boxes_is_no_reason_to_wait(lab):
    async def scenario(gate):
        assert not gate.refused(await gate.enter(quiet, passing=True), QuotaExhausted("others hold them"))
        await gate.enter(quiet, passing=True)

    play(lab, scenario)


def test_who_waits_looks_again_by_itself(lab, monkeypatch):
    monkeypatch.setattr("runner.run.gate.LOOK", 0.01)

    async def scenario(gate):
        place = await gate.enter(quiet, passing=True)
        gate.keep(place)
        gate.refused(await gate.enter(quiet, passing=True), QuotaExhausted("too many"))

        async def later():
            await asyncio.sleep(0.03)
            lab.clock.time += PROBE

        await asyncio.gather(gate.enter(quiet, passing=True), later())

    play(lab, scenario)


def test_what_an_account_may_is_not_found_out_by_a_crowd(lab):
    asked, most = set(), 0

    async def scenario(gate):
        async def one(number):
            nonlocal most
            place = await gate.enter(quiet, passing=True)
            asked.add(number)
            most = max(most, len(asked))
            await asyncio.sleep(0.01)
            asked.remove(number)
            gate.refused(place, RateLimited("slow down"))

        await asyncio.gather(*(one(number) for number in range(40)))

    play(lab, scenario)
    assert most == WINDOW


def test_each_provider_has_one_gate_with_its_account(lab):
    gates = Gates({"e2b": Fact(True, "", account=Account(boxes=1))}, lab.clock)
    assert gates.of("e2b") is gates.of("e2b")
    assert gates.of("e2b")._limit() == 1
    assert gates.of("other")._limit() is None
