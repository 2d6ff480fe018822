"""The engine suite on the local engine, and on engines that are wrong: a check that never fails is none."""

from __future__ import annotations

import asyncio

import pytest

from runner.run.engine_conformance import CHECKS, Check, plan_of
from runner.run.local import LocalEngine
from runner.run.ports import LegOutcome


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_local_engine_passes(check: Check) -> None:
    asyncio.run(check.run(LocalEngine))


def test_every_check_has_a_name_of_its_own_and_tells_its_wound() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS) >= 12
    assert all(check.wound.endswith(".") and len(check.wound) > 20 for check in CHECKS)


class _Wrapped(LocalEngine):
    """A local engine whose legs go through `around`."""

    async def run(self, plan, run, body):
        class Host:
            leg = staticmethod(self.around)

        return await body(Host())


class _Retries(_Wrapped):
    async def around(self, step, leg, upstream, body):
        outcome = await body()
        return await body() if outcome.state == "failed" else outcome


class _Serial(_Wrapped):
    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def around(self, step, leg, upstream, body):
        async with self._lock:
            return await asyncio.wait_for(body(), 0.2)


class _KnowsTwoStates(_Wrapped):
    async def around(self, step, leg, upstream, body):
        outcome = await body()
        return LegOutcome(outcome.key, "failed" if outcome.state == "failed" else "succeeded", outcome.message)


class _OtherThread(_Wrapped):
    async def around(self, step, leg, upstream, body):
        return await asyncio.to_thread(lambda: asyncio.run(body()))


class _Swallows(LocalEngine):
    async def run(self, plan, run, body):
        try:
            return await super().run(plan, run, body)
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - this is what is wrong with it
            return "failed"


class _KnowsThePlanOnly(_Wrapped):
    async def around(self, step, leg, upstream, body):
        return await body() if leg in (step.legs or ()) else LegOutcome(leg.key, "skipped")


class _Forgets(_Wrapped):
    async def around(self, step, leg, upstream, body):
        return LegOutcome(leg.key, "succeeded")


class _Leaves(LocalEngine):
    async def run(self, plan, run, body):
        asyncio.ensure_future(super().run(plan, run, body)).add_done_callback(lambda task: task.exception())
        await asyncio.sleep(0)
        return "succeeded"


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        (_Retries, "bodies_are_called_once"),
        (_Serial, "legs_overlap"),
        (_KnowsTwoStates, "every_outcome_comes_back_unchanged"),
        (_OtherThread, "bodies_share_the_callers_loop"),
        (_Swallows, "what_the_body_raises_comes_out"),
        (_Swallows, "cancelling_the_run_reaches_every_body"),
        (_Leaves, "the_runs_end_is_returned"),
        (_KnowsThePlanOnly, "legs_may_appear_during_the_run"),
        (_Forgets, "a_run_may_go_on_inside_a_leg"),
        (_Swallows, "stopping_reaches_a_run_inside_a_leg"),
    ],
)
def test_a_wrong_engine_is_found(engine: type[LocalEngine], name: str) -> None:
    check = next(check for check in CHECKS if check.name == name)
    with pytest.raises((AssertionError, TimeoutError)):
        asyncio.run(check.run(engine))


def test_plans_of_the_suite_are_in_waves() -> None:
    assert plan_of({"a": (), "b": ("a",), "c": ("a", "b")}).waves == [["a"], ["b"], ["c"]]
