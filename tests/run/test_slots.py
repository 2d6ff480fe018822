"""Places among the running: the most urgent first, nobody overtaken by an equal, nothing lost."""

from __future__ import annotations

import asyncio

from runner.run.slots import Slot, Slots


async def queue(slots, order, name, rank):
    await slots.acquire(rank)
    order.append(name)
    await asyncio.sleep(0)
    slots.release()


def test_all_who_ask_in_one_moment_are_ranked():
    async def main():
        slots, order = Slots(1), []
        ranks = {"low": (5,), "high": (-5,), "first": (0, 1), "second": (0, 2)}
        await asyncio.gather(*(queue(slots, order, name, rank) for name, rank in ranks.items()))
        return order

    assert asyncio.run(main()) == ["high", "first", "second", "low"]


def test_equals_go_in_the_order_in_which_they_asked():
    async def main():
        slots, order = Slots(1), []
        await asyncio.gather(*(queue(slots, order, number, (0,)) for number in range(20)))
        return order

    assert asyncio.run(main()) == list(range(20))


def test_the_least_urgent_has_its_turn_when_the_others_are_done():
    async def main():
        slots, order = Slots(2), []
        low = asyncio.ensure_future(queue(slots, order, "low", (9,)))
        await asyncio.gather(*(queue(slots, order, "high", (0,)) for _ in range(30)))
        await low
        return order

    assert asyncio.run(main()).count("low") == 1


def test_a_place_given_to_somebody_who_has_left_goes_to_the_next():
    async def main():
        slots = Slots(1)
        await slots.acquire()
        leaving = asyncio.ensure_future(slots.acquire())
        staying = asyncio.ensure_future(slots.acquire())
        await asyncio.sleep(0)
        leaving.cancel()  # while it waits
        await asyncio.sleep(0)
        slots.release()
        await staying
        slots.release()
        late = asyncio.ensure_future(slots.acquire())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(late.cancel)  # in the moment in which it is given
        await asyncio.gather(late, return_exceptions=True)
        await asyncio.wait_for(slots.acquire(), 5)
        return slots.busy

    assert asyncio.run(main()) is True


def test_a_slot_may_be_given_back_twice_and_taken_again():
    async def main():
        slots = Slots(1)
        slot = Slot(slots, (1,))
        await slot.take()
        await slot.take()
        slot.give_back()
        slot.give_back()
        await asyncio.sleep(0)
        assert not slots.busy
        await slot.take()
        return slots.busy

    assert asyncio.run(main()) is True


def test_priority_decides_among_ready_steps(lab):
    lab.max_parallel = 1
    done = lab.play(
        "spec: 1\nname: p\nsteps:\n"
        "  a: {run: echo}\n  b: {run: echo, priority: -3}\n  c: {run: echo, priority: 10}\n  d: {run: echo}\n"
    )
    started = [event.step for event in done.of("step.started")]
    assert started == ["c", "a", "d", "b"]


def test_the_runs_below_an_urgent_step_are_as_urgent(lab):
    lab.max_parallel = 1
    child = "spec: 1\nname: c\nsteps: {x: {run: echo}, y: {run: echo, priority: -5}}\n"
    order = []
    lab.on_event = lambda event: order.append(event.step) if event.type == "step.started" else None
    lab.play(
        "spec: 1\nname: p\nsteps:\n"
        "  a: {run: sleep 0.2}\n  b: {after: a, run: echo}\n  go: {workflow: c.yaml, priority: 10}\n",
        files={"c.yaml": child},
    )
    assert order.index("y") < order.index("b")
