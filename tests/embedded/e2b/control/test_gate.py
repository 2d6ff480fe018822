"""The gate: keys, places, rate, time to live."""

from __future__ import annotations

import pytest

from runner.embedded.e2b.control.gate import Gate, choose
from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.folders.keys import Keys
from runner.errors import UsageError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _gate(plan: str = "unlimited", running: int = 0, clock: Clock | None = None, **more: float) -> Gate:
    return Gate(choose(plan, **more), Keys(), lambda: running, clock or Clock())


@pytest.mark.parametrize("key", ["", "wrong", "e2b_", "e2b_" + "0" * 40])
def test_a_wrong_key_is_refused(key: str) -> None:
    with pytest.raises(Refused) as caught:
        _gate().authorize(key)
    assert caught.value.status == 401


def test_a_key_is_let_in() -> None:
    gate = _gate()
    gate.authorize(gate.keys.make("mine"))


@pytest.mark.parametrize(("plan", "limit"), [("hobby", 20), ("pro", 100)])
def test_the_plan_limits_how_many_run(plan: str, limit: int) -> None:
    with _gate(plan, limit - 1).place():
        pass
    with pytest.raises(Refused, match=rf"maximum number of concurrent E2B sandboxes \({limit}\)") as caught:
        _gate(plan, limit).place().__enter__()
    assert caught.value.status == 429
    assert caught.value.fields == {}


def test_of_two_that_come_at_once_one_gets_the_last_place() -> None:
    gate = _gate(quota=1)
    with gate.place(), pytest.raises(Refused), gate.place():
        pass
    with gate.place():
        pass


def test_the_rate_refills_and_says_when() -> None:
    clock = Clock()
    gate = _gate("hobby", clock=clock)
    with gate.place():
        pass
    with pytest.raises(Refused) as caught:
        gate.place().__enter__()
    assert (caught.value.status, caught.value.fields) == (429, {"retry-after": "1"})
    clock.now += 1.0
    with gate.place():
        pass


def test_a_refusal_for_want_of_room_takes_nothing_from_the_next() -> None:
    gate = _gate(quota=1, rate=1000)
    with gate.place():
        for _ in range(3):
            with pytest.raises(Refused, match="concurrent"):
                gate.place().__enter__()


def test_a_slow_rate_and_a_large_fork() -> None:
    clock = Clock()
    gate = _gate(rate=0.1, clock=clock)
    with gate.place(5):
        pass
    with pytest.raises(Refused) as caught:
        gate.place().__enter__()
    assert caught.value.fields == {"retry-after": "10"}


def test_time_to_live_is_the_plans() -> None:
    gate = _gate("hobby")
    assert gate.seconds(3600) == 3600.0
    with pytest.raises(Refused, match="Timeout cannot be greater than 1 hours") as caught:
        gate.seconds(3601)
    assert caught.value.status == 400
    for wrong in (-1, True, "60", None, float("nan")):
        with pytest.raises(Refused):
            gate.seconds(wrong)
    assert gate.end(1000.0, 2000.0) == 2000.0
    assert gate.end(1000.0, 9000.0) == 4600.0


@pytest.mark.parametrize(
    ("name", "more", "why"),
    [("gold", {}, "no plan 'gold'"), ("pro", {"quota": -1}, "quota"), ("pro", {"rate": 0.0}, "rate")],
)
def test_a_plan_that_cannot_be(name: str, more: dict[str, float], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        choose(name, **more)
