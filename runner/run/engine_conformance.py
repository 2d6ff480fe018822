"""What every engine has to do, as named checks; each tells the wound that made it.

A check gets a function that makes an engine and raises AssertionError (or whatever the engine raised) when
it does not hold::

    for check in CHECKS:
        await check.run(lambda: LocalEngine())
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from runner.compiler.canonical import Json
from runner.compiler.plan.model import ForEach, Leg, Plan, PlanStep
from runner.run.local import BareHost
from runner.run.ports import Engine, LegOutcome, RunState, StepHost, StepState

Open: TypeAlias = Callable[[], Engine]
_Graph: TypeAlias = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that every engine does alike. `wound` says in a sentence why the check exists."""

    name: str
    wound: str
    run: Callable[[Open], Awaitable[None]]


CHECKS: list[Check] = []


def _check(function: Callable[[Open], Awaitable[None]]) -> Callable[[Open], Awaitable[None]]:
    """Make a check of the function: its name says what has to hold, its docstring is the wound."""
    CHECKS.append(Check(function.__name__, (function.__doc__ or "").strip(), function))
    return function


def plan_of(graph: _Graph, inputs: dict[str, Json] | None = None) -> Plan:
    """A plan with these steps (id → ids upstream, in topological order) that does nothing by itself."""
    waves: dict[str, int] = {}
    for name, after in graph.items():
        waves[name] = 1 + max((waves[up] for up in after), default=-1)
    steps = tuple(
        PlanStep(id=name, kind="run", action={}, after=after, wave=waves[name], legs=(Leg(name),))
        for name, after in graph.items()
    )
    schema: dict[str, Json] = {"type": "object", "properties": {name: {} for name in inputs or {}}}
    return Plan("conformance", "Engine conformance", "", {}, schema, inputs or {}, steps, {}, digest="0" * 64)


async def leg(host: StepHost, plan: Plan, name: str, body: Callable[[], Awaitable[LegOutcome]]) -> LegOutcome:
    """Run one leg of such a plan with the edges it has there."""
    step = plan.step(name)
    return await host.leg(step, Leg(name), step.after, body)


def ends(name: str, state: StepState = "succeeded", message: str = "") -> Callable[[], Awaitable[LegOutcome]]:
    """A body that ends like that at once."""

    async def body() -> LegOutcome:
        return LegOutcome(name, state, message)

    return body


def _same(got: object, want: object, what: str) -> None:
    if got != want:
        raise AssertionError(f"{what}: got {got!r:.300}, expected {want!r:.300}")


@_check
async def the_runs_end_is_returned(open_: Open) -> None:
    """A failed run came back as an exception of the engine, and the caller reported a crash."""
    for state in cast("tuple[RunState, ...]", ("succeeded", "failed", "cancelled")):

        async def body(_host: StepHost, state: RunState = state) -> RunState:
            return state

        _same(await open_().run(plan_of({}), f"run-{state}", body), state, "the state returned")


@_check
async def bodies_are_called_once(open_: Open) -> None:
    """An engine that retries on its own ran a deployment twice."""
    plan, calls = plan_of({"a": ()}), {"run": 0, "leg": 0}

    async def once() -> LegOutcome:
        calls["leg"] += 1
        return LegOutcome("a", "failed", "no")

    async def body(host: StepHost) -> RunState:
        calls["run"] += 1
        await leg(host, plan, "a", once)
        return "failed"

    await open_().run(plan, "run-once", body)
    _same(calls, {"run": 1, "leg": 1}, "calls")


@_check
async def every_outcome_comes_back_unchanged(open_: Open) -> None:
    """A skipped step arrived as a succeeded one, because the engine knows only done and failed."""
    states = cast("tuple[StepState, ...]", ("succeeded", "failed", "skipped", "cancelled"))
    plan = plan_of({state: () for state in states})
    want = [LegOutcome(state, state, f"it {state}") for state in states]

    async def body(host: StepHost) -> RunState:
        got = [await leg(host, plan, state, ends(state, state, f"it {state}")) for state in states]
        _same(got, want, "outcomes")
        return "succeeded"

    await open_().run(plan, "run-outcomes", body)


@_check
async def bodies_share_the_callers_loop(open_: Open) -> None:
    """A body on another loop deadlocked on the scheduler's semaphore."""
    plan, loops = plan_of({"a": ()}), {asyncio.get_running_loop()}

    async def look() -> LegOutcome:
        loops.add(asyncio.get_running_loop())
        return LegOutcome("a", "succeeded")

    async def body(host: StepHost) -> RunState:
        loops.add(asyncio.get_running_loop())
        await leg(host, plan, "a", look)
        return "succeeded"

    await open_().run(plan, "run-loop", body)
    _same(len(loops), 1, "loops")


@_check
async def legs_overlap(open_: Open) -> None:
    """Legs ran one after the other, because the engine held a lock around each."""
    plan, a, b = plan_of({"a": (), "b": ()}), asyncio.Event(), asyncio.Event()

    def meeting(name: str, mine: asyncio.Event, other: asyncio.Event) -> Callable[[], Awaitable[LegOutcome]]:
        async def body() -> LegOutcome:
            mine.set()
            async with asyncio.timeout(20):
                await other.wait()
            return LegOutcome(name, "succeeded")

        return body

    async def body(host: StepHost) -> RunState:
        await asyncio.gather(leg(host, plan, "a", meeting("a", a, b)), leg(host, plan, "b", meeting("b", b, a)))
        return "succeeded"

    await open_().run(plan, "run-overlap", body)


class _Mine(Exception):
    """An error that no engine knows."""


@_check
async def what_the_body_raises_comes_out(open_: Open) -> None:
    """An error of the scheduler was swallowed by the engine, and the run counted as a success."""
    error = _Mine("of the scheduler")

    async def body(_host: StepHost) -> RunState:
        raise error

    got = None
    try:
        await open_().run(plan_of({}), "run-raises", body)
    except _Mine as exc:
        got = exc
    _same(got, error, "the error raised")


@_check
async def what_a_leg_raises_comes_out_of_it(open_: Open) -> None:
    """An error inside a leg left the engine in a state in which no other leg could run."""
    plan, error = plan_of({"a": (), "b": ("a",)}), _Mine("of the store")

    async def fail() -> LegOutcome:
        raise error

    async def body(host: StepHost) -> RunState:
        got = None
        try:
            await leg(host, plan, "a", fail)
        except _Mine as exc:
            got = exc
        _same(got, error, "the error raised by the leg")
        _same((await leg(host, plan, "b", ends("b"))).state, "succeeded", "the leg after it")
        return "failed"

    _same(await open_().run(plan, "run-leg-raises", body), "failed", "the run's end")


@_check
async def a_failed_leg_does_not_stop_the_next(open_: Open) -> None:
    """Downstream of a failed step the engine never called the body, and the run waited for ever."""
    plan = plan_of({"a": (), "b": ("a",), "c": ("b",)})

    async def body(host: StepHost) -> RunState:
        await leg(host, plan, "a", ends("a", "failed", "no"))
        await leg(host, plan, "b", ends("b", "cancelled"))
        _same((await leg(host, plan, "c", ends("c"))).state, "succeeded", "the last leg")
        return "failed"

    async with asyncio.timeout(30):
        await open_().run(plan, "run-failed-upstream", body)


async def _never() -> LegOutcome:
    """Wait for something that does not come: only a cancellation ends it."""
    never: asyncio.Future[LegOutcome] = asyncio.get_running_loop().create_future()
    return await never


@_check
async def cancelling_the_run_reaches_every_body(open_: Open) -> None:
    """Ctrl-C killed the engine before a step could free its box."""
    plan, seen, going = plan_of({"a": ()}), list[str](), asyncio.Event()

    async def work() -> LegOutcome:
        try:
            going.set()
            return await _never()
        finally:
            await asyncio.sleep(0.01)  # cleaning up takes more than one turn of the loop
            seen.append("leg")

    async def body(host: StepHost) -> RunState:
        try:
            return "succeeded" if (await leg(host, plan, "a", work)).state == "succeeded" else "failed"
        finally:
            await asyncio.sleep(0.01)
            seen.append("run")

    task = asyncio.ensure_future(open_().run(plan, "run-cancel", body))
    await asyncio.wait({task, asyncio.ensure_future(going.wait())}, return_when=asyncio.FIRST_COMPLETED)
    task.cancel()
    await asyncio.wait({task})
    _same(seen, ["leg", "run"], "cleanups")
    _same(task.cancelled(), True, "CancelledError came out of run")


@_check
async def cancelling_one_leg_spares_the_others(open_: Open) -> None:
    """Stopping one leg of a matrix took its siblings along."""
    plan, going = plan_of({"a": (), "b": ()}), asyncio.Event()

    async def work() -> LegOutcome:
        going.set()
        return await _never()

    async def body(host: StepHost) -> RunState:
        task = asyncio.ensure_future(leg(host, plan, "a", work))
        await going.wait()
        task.cancel()
        await asyncio.wait({task})
        _same(task.cancelled(), True, "CancelledError came out of the leg")
        _same((await leg(host, plan, "b", ends("b"))).state, "succeeded", "the other leg")
        return "failed"

    _same(await open_().run(plan, "run-cancel-one", body), "failed", "the run's end")


@_check
async def a_body_may_answer_a_cancellation(open_: Open) -> None:
    """A leg whose task was cancelled during its cleanup reported success."""
    plan, going = plan_of({"a": ()}), asyncio.Event()

    async def work() -> LegOutcome:
        going.set()
        try:
            return await _never()
        except asyncio.CancelledError:
            return LegOutcome("a", "cancelled", "stopped")

    async def body(host: StepHost) -> RunState:
        task = asyncio.ensure_future(leg(host, plan, "a", work))
        await going.wait()
        task.cancel()
        _same((await task).state, "cancelled", "the outcome")
        return "cancelled"

    _same(await open_().run(plan, "run-answer", body), "cancelled", "the run's end")


_speaker: ContextVar[str] = ContextVar("_speaker", default="nobody")


@_check
async def context_flows_into_bodies(open_: Open) -> None:
    """Context variables set by the caller were lost in the engine's own tasks."""
    plan, seen = plan_of({"a": ()}), list[str]()

    async def look() -> LegOutcome:
        seen.append(_speaker.get())
        return LegOutcome("a", "succeeded")

    async def body(host: StepHost) -> RunState:
        seen.append(_speaker.get())
        await leg(host, plan, "a", look)
        return "succeeded"

    token = _speaker.set("caller")
    try:
        await open_().run(plan, "run-context", body)
    finally:
        _speaker.reset(token)
    _same(seen, ["caller", "caller"], "what the bodies saw")


@_check
async def the_environment_is_left_alone(open_: Open) -> None:
    """A vendor's settings stayed in the environment and changed the next program that was started."""
    before = dict(os.environ)
    await open_().run(plan_of({"a": ()}), "run-env", _all_of(plan_of({"a": ()})))
    _same(sorted(set(before.items()) ^ set(os.environ.items())), [], "variables changed")


@_check
async def any_key_is_a_name(open_: Open) -> None:
    """Braces in a matrix value were read as a template, and the leg lost its name."""
    names = ["test[os=a b,py=3.11]", "x[v={braces}]", "x[v=50%]", "straße[v=☃]", "long-" + "n" * 200, "run"]
    plan = plan_of({name: () for name in names})
    _same(await open_().run(plan, "run {of} 50% names", _all_of(plan)), "succeeded", "the run's end")


@_check
async def any_input_is_possible(open_: Open) -> None:
    """An input with the name of one of the engine's own arguments made the run impossible."""
    inputs: dict[str, Json] = {
        "wait_for": "me",
        "return_state": True,
        "self": 1,
        "class": 2.5,
        "with-dash": None,
        "schema": {"$ref": "#/not/a/block", "deep": [{"x": [1, "ü", None]}]},
        "model_dump": [],
    }
    _same(await open_().run(plan_of({"a": ()}, inputs), "run-inputs", _all_of(plan_of({"a": ()}))), "succeeded", "end")


@_check
async def an_upstream_may_be_unknown(open_: Open) -> None:
    """An edge to a leg that was never started broke the leg after it."""
    plan = plan_of({"a": (), "b": ("a",)})

    async def body(host: StepHost) -> RunState:
        _same((await leg(host, plan, "b", ends("b"))).state, "succeeded", "the leg")
        return "succeeded"

    await open_().run(plan, "run-unknown-upstream", body)


@_check
async def many_legs(open_: Open) -> None:
    """A wide plan exhausted the engine's connections."""
    graph: _Graph = {"start": (), **{f"leg{n}": ("start",) for n in range(120)}}
    graph["end"] = tuple(name for name in graph if name != "start")
    plan = plan_of(graph)
    _same(await open_().run(plan, "run-wide", _all_of(plan)), "succeeded", "the run's end")


@_check
async def legs_may_appear_during_the_run(open_: Open) -> None:
    """An engine knew only the legs of the plan: the items of a list that a step made had no place in it."""
    plan = plan_of({"list": (), "each": ("list",), "end": ("each",)})
    each = replace(plan.step("each"), legs=None, for_each=ForEach("${{ steps.list.outputs.items }}"))
    keys = [f"each[{number}]" for number in range(3)]
    seen: list[str] = []

    def item(key: str) -> Callable[[], Awaitable[LegOutcome]]:
        async def body() -> LegOutcome:
            seen.append(key)
            return LegOutcome(key, "failed" if key == "each[1]" else "succeeded", "told")

        return body

    async def body(host: StepHost) -> RunState:
        await leg(host, plan, "list", ends("list"))
        told = await asyncio.gather(*(host.leg(each, Leg(key), ("list",), item(key)) for key in keys))
        _same([(one.key, one.state) for one in told][1], ("each[1]", "failed"), "the second item")
        end = await host.leg(plan.step("end"), Leg("end"), keys, ends("end", "skipped", "each failed"))
        _same(end.state, "skipped", "the step after them")
        nothing = await host.leg(each, Leg("each"), ("list",), ends("each"))
        _same(nothing.state, "succeeded", "a step without items, shown itself")
        return "failed"

    _same(await open_().run(plan, "run-items", body), "failed", "the run's end")
    _same(sorted(seen), keys, "the items that ran")


@_check
async def a_run_may_go_on_inside_a_leg(open_: Open) -> None:
    """A workflow that a step runs met the engine's own idea of where it is, and its steps hung."""
    plan, order = plan_of({"a": (), "b": ("a",)}), list[str]()
    bare = BareHost()

    async def below() -> LegOutcome:
        for name in ("x", "y"):
            order.append((await bare.leg(plan.step("a"), Leg(name), (), ends(name))).key)
        return LegOutcome("a", "succeeded")

    async def body(host: StepHost) -> RunState:
        await leg(host, plan, "a", below)
        await leg(host, plan, "b", ends("b"))
        return "succeeded"

    _same(await open_().run(plan, "run-below", body), "succeeded", "the run's end")
    _same(order, ["x", "y"], "the legs below")


@_check
async def stopping_reaches_a_run_inside_a_leg(open_: Open) -> None:
    """Ctrl-C ended the step and left the run that it had started alive, with its boxes."""
    plan, begun, cleaned = plan_of({"a": ()}), asyncio.Event(), list[str]()

    async def below() -> LegOutcome:
        begun.set()
        try:
            return await _never()
        finally:
            await asyncio.sleep(0.05)
            cleaned.append("below")

    async def inside() -> LegOutcome:
        return await BareHost().leg(plan.step("a"), Leg("x"), (), below)

    async def body(host: StepHost) -> RunState:
        return "succeeded" if (await leg(host, plan, "a", inside)).state == "succeeded" else "failed"

    running = asyncio.ensure_future(open_().run(plan, "run-stopped-below", body))
    await asyncio.wait({running, asyncio.ensure_future(begun.wait())}, return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    await asyncio.wait({running})
    _same(cleaned, ["below"], "what cleaned up before the run ended")
    _same(running.cancelled(), True, "CancelledError came out of run")


@_check
async def an_engine_serves_run_after_run_and_two_at_once(open_: Open) -> None:
    """The second run on one engine found the first one's remains."""
    engine, plan = open_(), plan_of({"a": (), "b": ("a",)})
    _same(await engine.run(plan, "run-first", _all_of(plan)), "succeeded", "the first run")
    _same(await engine.run(plan, "run-second", _all_of(plan)), "succeeded", "the second run")
    both = await asyncio.gather(*(engine.run(plan, f"run-{n}", _all_of(plan)) for n in ("x", "y")))
    _same(both, ["succeeded", "succeeded"], "two at once")


def _all_of(plan: Plan) -> Callable[[StepHost], Awaitable[RunState]]:
    """A body that runs every step as soon as its upstream has ended."""

    async def body(host: StepHost) -> RunState:
        for wave in plan.waves:
            await _together(host, plan, wave)
        return "succeeded"

    return body


async def _together(host: StepHost, plan: Plan, names: Sequence[str]) -> None:
    await asyncio.gather(*(leg(host, plan, name, ends(name)) for name in names))
