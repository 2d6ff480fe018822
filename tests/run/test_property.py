"""Any graph of steps, with any of them failing, and any family of runs: what must hold after every run.

Boxes are scripted here, not even processes: hundreds of runs in a second or two.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.compiler.plan.model import Concurrency, ForEach, Repeat, Retry
from runner.errors import FileMissing, NoCapacity
from runner.run.event import verify
from runner.run.execute import execute
from runner.run.ports import BoxRequest, Command, CommandResult, FileInfo, OnOutput
from runner.run.state import replay


@dataclass
class ScriptedBox:
    """A box whose command `exit N` ends with N, after a turn of the loop per word of it."""

    id: str
    alive: set[str]
    provider: str = "fake"
    home: str = "/home/user"
    desktop: None = None

    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        for _ in command.text.split():
            await asyncio.sleep(0)
        code = re.search(r"exit (\d+)", command.text)
        return CommandResult(int(code[1]) if code else 0, "", "")

    async def mkdir(self, path: str) -> None:
        await asyncio.sleep(0)

    async def stat(self, path: str) -> FileInfo:
        raise FileMissing(path)

    async def set_timeout(self, seconds: float) -> None:
        await asyncio.sleep(0)

    async def kill(self) -> bool:
        self.alive.discard(self.id)
        return True


class ScriptedSandbox:
    """Boxes that exist in name only; every third request finds no capacity."""

    provider = "fake"

    def __init__(self) -> None:
        self.made = 0
        self.alive: set[str] = set()

    async def create(self, request: BoxRequest) -> ScriptedBox:
        await asyncio.sleep(0)
        self.made += 1
        if self.made % 3 == 2:
            raise NoCapacity("no room")
        self.alive.add(str(self.made))
        return ScriptedBox(str(self.made), self.alive)


FANS = [{"for_each": ForEach(items)} for items in ([], [1, 2, 3], "no list", "${{ inputs.none }}")]
GROUPS = [
    Concurrency("g", 1),
    Concurrency("g", 2),
    Concurrency("h", 1, "cancel_new"),
    Concurrency("h", 1, "cancel_old"),
]


@st.composite
def graphs(draw: Any) -> list[Mapping[str, Any]]:
    """Steps in topological order, with whatever a step may have."""
    steps: list[Mapping[str, Any]] = []
    for number in range(draw(st.integers(0, 9))):
        names = [step["id_"] for step in steps]
        after = draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) if names else []
        words = "word " * draw(st.integers(0, 4))
        steps.append(
            {
                "id_": f"s{number}",
                "command": words + draw(st.sampled_from(["true", "true", "exit 1"])),
                "after": tuple(sorted(after)),
                **draw(st.sampled_from([{}, {}, {"legs": 0}, {"legs": 1}, {"legs": 3}, *FANS])),
                "repeat": draw(st.sampled_from([None, None, None, Repeat("true", 3), Repeat("false", 2, 1.0)])),
                "concurrency": draw(st.sampled_from([None, None, None, *GROUPS])),
                "priority": draw(st.integers(-2, 2)),
                "idempotent": draw(st.booleans()),
                "allow_failure": draw(st.booleans()),
                "condition": draw(st.sampled_from([None, None, "true", "false", "inputs.none"])),
                "condition_guards_failure": draw(st.booleans()),
                "sandbox": draw(st.sampled_from(["default", "other"])),
                "retry": Retry(attempts=draw(st.integers(1, 3)), delay=1),
            }
        )
    return steps


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs(), st.integers(1, 4), st.integers(0, 60))
def test_every_run_ends_in_order_and_its_journal_tells_the_truth(lab, make_step, new_plan, steps, parallel, stop_at):
    plan = new_plan(*(make_step(**step) for step in steps), finally_=make_step("finally"))
    sandbox = ScriptedSandbox()
    fresh = type(lab)(Path())
    fresh.providers, fresh.max_parallel = {"fake": sandbox}, parallel
    seen = [0]

    def maybe_stop(event: object) -> None:
        seen[0] += 1
        if seen[0] == stop_at:
            fresh.control.stop("by chance")

    fresh.on_event = maybe_stop

    async def main() -> None:
        await fresh.store.open()
        with TemporaryDirectory() as folder:
            fresh.folder = Path(folder)
            report = await execute(plan, fresh.setup(), fresh.control)
        events = await fresh.store.events(report.run)
        records = await fresh.store.all(report.run, "step")
        stored = {record.key: record.data["state"] for record in records}
        verify(events, report.run, await fresh.store.head(report.run))
        told = replay(events)
        assert told.steps == stored
        assert set(stored.values()) <= {"succeeded", "failed", "skipped", "cancelled"}
        assert told.run == report.state
        assert not sandbox.alive
        check_order(plan, events, [(record.data["step"], record.key) for record in records])

    asyncio.run(main())
    fresh.cloud.free_all()


def check_order(plan: Any, events: Any, legs: list[tuple[str, str]]) -> None:
    """No leg moves before all legs of all steps upstream have ended."""
    end = {event.step: event.seq for event in events if event.type.split(".")[1] in ENDS and event.step}
    begin: dict[str, int] = {}
    for event in events:
        if event.step:
            begin.setdefault(event.step, event.seq)
    for step, key in legs:
        after = plan.step(step).after if step != "finally" else ()
        assert all(end[upstream] < begin[key] for name, upstream in legs if name in after)
    assert all(begin["finally"] > number for key, number in end.items() if key != "finally")


ENDS = {"succeeded", "failed", "skipped", "cancelled"}


# ---------------------------------------------------------------- families of runs


def workflow(chance: Random, name: str, below: list[str], grouped: str) -> str:
    """A workflow of a few steps that may run those `below`; either runs or steps take part in a group."""

    def group() -> str:
        conflict = chance.choice(["wait", "wait", "cancel_new", "cancel_old"])
        return f"concurrency: {{group: g, limit: {chance.choice([1, 1, 2])}, on_conflict: {conflict}}}"

    lines = ["spec: 1", f"name: {name}", *([group()] if grouped == "run" and chance.random() < 0.4 else []), "steps:"]
    names: list[str] = []
    for number in range(chance.randint(1, 4)):
        words = "word " * chance.randint(1, 4)
        kinds = [f"run: '{words}; exit {chance.choice([0, 0, 1])}'", *(f"workflow: {path}" for path in below)]
        legs = ["matrix: {n: [1, 2, 3]}", "for_each: {items: [1, 2, 3]}", "for_each: {items: [1, 2], max_parallel: 1}"]
        maybe = [
            chance.choice(legs),
            f"after: [{', '.join(chance.sample(names, min(len(names), 2)))}]" if names else "title: First",
            group() if grouped == "step" else "title: Free",
            f"priority: {chance.randint(-5, 5)}",
            "allow_failure: true",
            "retry: {attempts: 2, delay: 1s}",
        ]
        keys = dict.fromkeys(key for key in maybe if chance.random() < 0.4)
        keys = {key.partition(":")[0]: key for key in [chance.choice(kinds), *keys]}
        names.append(f"s{number}")
        lines += [f"  s{number}:", *(f"    {key}" for key in keys.values())]
    return "\n".join([*lines, *(["finally: {run: word}"] if chance.random() < 0.3 else []), ""])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.sampled_from(["run", "step"]), st.integers(1, 3), st.integers(0, 80))
def test_every_family_of_runs_ends_and_leaves_nothing(lab, chance, grouped, parallel, stop_at):
    files = {"c2.yaml": workflow(chance, "c2", [], grouped)}
    files["c1.yaml"] = workflow(chance, "c1", ["c2.yaml"], grouped)
    text = workflow(chance, "top", ["c1.yaml", "c2.yaml"], grouped)
    sandbox = ScriptedSandbox()
    seen = [0]

    async def main(fresh: Any) -> None:
        def maybe_stop(event: object) -> None:
            seen[0] += 1
            if stop_at and seen[0] in (stop_at, stop_at + 15):
                fresh.control.stop("by chance")

        fresh.providers, fresh.max_parallel, fresh.on_event = {"e2b": sandbox}, parallel, maybe_stop
        await fresh.store.open()
        async with asyncio.timeout(30):  # none waits for another that waits for it
            await execute(fresh.planned(text, None, files), fresh.setup(), fresh.control)
        assert not sandbox.alive
        groups = fresh.folder / "state" / "groups"
        assert not groups.exists() or not list(groups.iterdir())
        for record in await fresh.store.runs(10_000):
            events = await fresh.store.events(record.key)
            verify(events, record.key, await fresh.store.head(record.key))
            told = replay(events)
            assert told.run == record.data["state"]
            assert told.run in ENDS
            stored = {each.key: each.data["state"] for each in await fresh.store.all(record.key, "step")}
            assert {key: told.steps.get(key, "pending") for key in stored} == stored
            assert set(stored.values()) <= ENDS

    with TemporaryDirectory() as folder:
        asyncio.run(main(type(lab)(Path(folder))))
