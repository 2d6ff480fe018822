"""Bills, budgets and their reservations."""

from __future__ import annotations

import asyncio
import math

import pytest

from runner.compiler.plan.choose import Fact, usd_per_second
from runner.errors import BudgetSpent
from runner.run.execute import execute
from runner.run.interrupt import Control
from runner.run.kept import load
from runner.run.meter import Limits, Meter, limits

HOUR = 3600.0


def quiet(_reason):
    pass


def reserve(meter, wanted, *, rate=1.0, passing=False, tell=quiet):
    """A reservation for a box that lives at once."""
    bill = asyncio.run(asyncio.wait_for(meter.reserve("py", rate, wanted, tell, passing=passing), 10))
    bill.begin(bill.since)
    return bill


def test_limits_are_read_from_the_plan(new_plan, make_step):
    extra = {
        "sandboxes": {
            "py": {"budget": {"usd": 2, "hours": 0.5}, "timeout": "1h"},
            "web": {"budget": {"hours": 1}},
            "odd": None,
        }
    }
    found = limits(new_plan(make_step("a"), extra=extra))
    assert found["py"] == Limits(2.0, 1800.0, 3600.0)
    assert found["web"] == Limits(math.inf, 3600.0, math.inf)
    assert found["odd"] == Limits()
    assert limits(new_plan(make_step("a"))) == {}


def test_a_bill_runs_from_the_box_to_its_end(lab):
    meter = Meter({}, lab.clock)
    bill = reserve(meter, 100, rate=0.5)
    lab.clock.time += 10
    assert (meter.usd(), meter.seconds()) == (5.0, 10.0)
    meter.close(bill)
    lab.clock.time += 10
    meter.close(bill)
    assert meter.document() == {"usd": 5.0, "box_seconds": 10.0}


def test_waiting_for_a_box_costs_nothing_and_uses_nothing_up(lab):
    meter = Meter({"py": Limits(usd=100)}, lab.clock)
    bill = asyncio.run(meter.reserve("py", 1.0, 80, quiet, passing=False))
    lab.clock.time += 500
    assert (meter.usd(), meter.seconds()) == (0.0, 0.0)
    assert meter.most(bill) == 100
    assert reserve(meter, 80).ahead(lab.clock.now()) == 20
    bill.begin(lab.clock.now())
    lab.clock.time += 30
    assert bill.usd(lab.clock.now()) == 30
    assert bill.ahead(lab.clock.now()) == 50


def test_runs_below_are_part_of_the_total(lab):
    meter = Meter({}, lab.clock)
    reserve(Meter({}, lab.clock, meter), 100)
    lab.clock.time += 3
    assert meter.document() == {"usd": 3.0, "box_seconds": 3.0}


def test_the_worst_case_is_reserved_and_what_is_not_used_comes_back(lab):
    meter = Meter({"py": Limits(usd=100)}, lab.clock)
    first = reserve(meter, 80)
    assert first.until - first.since == 80
    assert reserve(meter, 80).until - lab.clock.now() == 20, "a shorter time, as far as the budget goes"
    with pytest.raises(BudgetSpent, match=r"its budget of \$100 covers no more box: \$0\.0000 and 0 h are used"):
        reserve(meter, 80)
    lab.clock.time += 10
    meter.close(first)
    assert reserve(meter, 60).until - lab.clock.now() == 60


def test_hours_are_a_budget_too_also_where_boxes_are_free(lab):
    meter = Meter({"py": Limits(seconds=HOUR, usd=1)}, lab.clock)
    reserve(meter, HOUR, rate=0.0)
    with pytest.raises(BudgetSpent, match=r"its budget of \$1 and 1 h"):
        reserve(meter, 10, rate=0.0)


def test_a_budget_that_passing_boxes_have_reserved_is_waited_for(lab, monkeypatch):
    monkeypatch.setattr("runner.run.meter._LOOK", 0.01)
    meter, told = Meter({"py": Limits(usd=10)}, lab.clock), []

    async def main():
        first = await meter.reserve("py", 1.0, 10, quiet, passing=True)
        second = asyncio.ensure_future(meter.reserve("py", 1.0, 10, told.append, passing=True))
        await asyncio.sleep(0.05)
        assert not second.done()
        meter.cancel(first)
        return await asyncio.wait_for(second, 5)

    assert asyncio.run(main()).until - lab.clock.now() == 10
    assert told[0] == "sandbox py: the rest of its budget is reserved by other boxes"


def test_a_live_box_gets_more_time_as_long_as_the_budget_lasts(lab):
    meter = Meter({"py": Limits(usd=100)}, lab.clock)
    bill = reserve(meter, 10)
    assert meter.extend(bill, 30) == 30
    assert meter.most(bill) == 100
    lab.clock.time += 60
    assert meter.extend(bill, 50) == 40
    lab.clock.time += 38
    with pytest.raises(BudgetSpent):
        meter.extend(bill, 50)
    assert meter.extend(bill, 1) == 1


PY = """
spec: 1
name: lab
sandboxes:
  py: {{needs: {{runtime: python, cpu: 2, memory: 512MiB}}, prefer: [e2b], scope: {scope}, budget: {budget}}}
defaults: {{timeout: 100s}}
steps:
  a: {{sandbox: py, run: "true"}}
  b: {{sandbox: py, after: [a], run: "true"}}
"""


def hold(lab, seconds):
    """Every command takes that long on the laboratory's clock."""
    create = lab.providers["e2b"].create

    async def make(request):
        box = await create(request)
        run = box.run

        async def slow(command, on_output=None):
            lab.clock.time += seconds
            return await run(command, on_output)

        box.run = slow
        return box

    lab.providers["e2b"].create = make


@pytest.mark.parametrize("scope", ["run", "step"])
def test_what_a_run_costs_is_told_with_each_box_each_step_and_the_run(lab, scope):
    plan = lab.planned(PY.format(scope=scope, budget="{usd: 5}"))
    hold(lab, 30)
    done = asyncio.run(lab.live(plan))
    assert done.state == "succeeded"
    rate = usd_per_second("e2b", 2, 512)
    killed = done.of("box.killed")
    assert sum(event.data["seconds"] for event in killed) == 60
    assert {event.data["free"] for event in killed} == {False}
    document = done.report.document["cost"]
    assert document["box_seconds"] == 60
    assert document["usd"] == pytest.approx(sum(event.data["usd"] for event in killed), abs=1e-5)
    assert done.of("run.succeeded")[0].data["cost"] == document
    assert done.step("a")["usd"] > 0
    assert rate == pytest.approx(2 * 0.000014 + 0.5 * 0.0000045)


def test_boxes_of_a_free_endpoint_cost_nothing_and_it_is_said(lab):
    lab.facts = {"e2b": Fact(True, "on this machine", free=True)}
    plan = lab.planned(PY.format(scope="run", budget="{usd: 0.0006}"))
    hold(lab, 30)
    done = asyncio.run(lab.live(plan))
    assert done.state == "succeeded"
    assert done.report.document["cost"] == {"usd": 0.0, "box_seconds": 60.0}
    assert done.of("box.killed")[0].data["free"] is True


def test_a_budget_ends_before_it_is_overspent(lab):
    plan = lab.planned(PY.format(scope="step", budget="{hours: 0.01}"))  # 36 seconds
    hold(lab, 33)
    done = asyncio.run(lab.live(plan))
    assert done.states == {"a": "succeeded", "b": "failed"}
    assert done.step("b")["error_class"] == "budget"
    assert "its budget of 0.01 h covers no more box" in done.step("b")["message"]


def test_a_shared_box_ends_with_its_budget(lab):
    plan = lab.planned(PY.format(scope="run", budget="{hours: 0.01}"))
    hold(lab, 33)
    done = asyncio.run(lab.live(plan))
    assert done.states == {"a": "succeeded", "b": "failed"}
    assert done.step("b")["error_class"] == "budget"
    assert lab.providers["e2b"].requests[0].timeout <= 36


def test_going_on_does_not_fill_a_budget_again(lab):
    text = PY.format(scope="step", budget="{hours: 0.01}")  # 36 seconds, of which `a` takes 33
    text += "policies: [{id: look, on: step.started, do: pause}]\n"
    plan = lab.planned(text)
    hold(lab, 33)

    async def main():
        first = await lab.live(plan)
        assert (first.state, first.states["a"]) == ("paused", "succeeded")
        lab.clock.time += 7 * 86400  # nothing lives meanwhile, and nothing is used up
        kept = await load(lab.store, first.report.run)
        return await execute(plan, lab.setup(), Control(), kept)

    report = asyncio.run(main())
    assert report.steps["b"]["error_class"] == "budget"
    assert len(lab.providers["e2b"].requests) == 1
