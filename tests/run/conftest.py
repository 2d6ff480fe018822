"""A laboratory for runs: plans in a few words, fake boxes, a store in memory, a clock that tests own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from runner.compiler.compile import compile_plan
from runner.compiler.plan.choose import Fact
from runner.compiler.plan.model import Candidate, Leg, Plan, PlanStep, SandboxPlan
from runner.compiler.plan.wire import sealed
from runner.compiler.schemas import schema_path
from runner.compiler.surroundings import Surroundings, Unreadable
from runner.errors import BoxError
from runner.run.children import Prepared
from runner.run.event import Event, verify
from runner.run.execute import Report, Setup, execute
from runner.run.interrupt import Control
from runner.run.local import LocalEngine
from runner.run.ports import BoxRequest, Engine, StateStore
from runner.run.prepare import prepare
from runner.run.replay import compared
from runner.run.state import replay
from runner.sandbox.fake import FakeBox, FakeCloud, FakeSandbox
from runner.store.memory import MemoryStore

NO_FILES: Mapping[str, str] = MappingProxyType({})
EVENT_SCHEMA = Draft202012Validator(json.loads(schema_path("event.v1.schema.json").read_bytes()))


class VirtualClock:
    """Sleeping moves the time at once; chance comes from a list, 0.5 (no jitter) when it is used up."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0
        self.slept: list[float] = []
        self.chances: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)

    def random(self) -> float:
        return self.chances.pop(0) if self.chances else 0.5


class Provider(FakeSandbox):
    """Fake boxes that remember every request and every box; `on_create` may replace the making of a box."""

    def __init__(self, cloud: FakeCloud, provider: str, faults: Sequence[BoxError] = ()) -> None:
        super().__init__(cloud, faults, provider)
        self.requests: list[BoxRequest] = []
        self.made: list[FakeBox] = []

    async def create(self, request: BoxRequest) -> FakeBox:
        self.requests.append(request)
        box = await super().create(request)
        self.made.append(box)
        return box


def step(id_: str, command: str = "true", **more: Any) -> PlanStep:
    """A `run` step with one leg; `legs` may be a number or a list of matrix rows."""
    legs = more.pop("legs", None)
    expressions = more.pop("expressions", {})
    more.setdefault("action", {"command": command, "expressions": expressions})
    more.setdefault("kind", "run")
    if legs is None:
        return PlanStep(id_, legs=(Leg(id_),), **more)
    rows = [{"n": n} for n in range(legs)] if isinstance(legs, int) else legs
    named = tuple(Leg(f"{id_}[{','.join(f'{key}={value}' for key, value in row.items())}]", row) for row in rows)
    return PlanStep(id_, legs=named, is_matrix=True, **more)


def make_plan(*steps: PlanStep, **more: Any) -> Plan:
    """A plan of these steps; every sandbox they name can be had from `fake`."""
    used = [*steps, *(more[name] for name in ("on_failure", "finally_") if name in more)]
    sandboxes = {
        name: SandboxPlan(name, candidates=(Candidate("fake", accepted=True, reason="for tests"),))
        for name in {step.sandbox or "default" for step in used}
    }
    sandboxes |= more.pop("sandboxes", {})
    base: dict[str, Any] = {
        "name": "lab",
        "title": "",
        "description": "",
        "source": {"path": "lab.yaml", "sha256": "0" * 64},
        "inputs_schema": {},
        "inputs": {},
    }
    return sealed(Plan(**{**base, **more}, steps=steps, sandboxes=sandboxes))


@dataclass
class Outcome:
    """A finished run and what it left in the store."""

    report: Report
    events: list[Event]

    def types(self, key: str | None = None) -> list[str]:
        return [event.type for event in self.events if key is None or event.step == key]

    def of(self, type_: str) -> list[Event]:
        return [event for event in self.events if event.type == type_]

    def step(self, key: str) -> dict[str, Any]:
        return self.report.steps[key]

    @property
    def states(self) -> dict[str, Any]:
        return {key: document["state"] for key, document in self.report.steps.items()}

    @property
    def state(self) -> str:
        return self.report.state


@dataclass
class Lab:
    """Runs plans. Everything in it may be replaced before `run`."""

    folder: Path
    store: StateStore = field(default_factory=MemoryStore)
    clock: VirtualClock = field(default_factory=VirtualClock)
    cloud: FakeCloud = field(default_factory=FakeCloud)
    engine: Engine = field(default_factory=LocalEngine)
    control: Control = field(default_factory=Control)
    providers: dict[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    max_parallel: int = 8
    children: Mapping[str, Prepared] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    on_event: Callable[[Event], None] | None = None
    text: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.providers = {"fake": Provider(self.cloud, "fake")}

    @property
    def fake(self) -> Provider:
        return self.providers["fake"]

    def setup(self) -> Setup:
        return Setup(
            store=self.store,
            engine=self.engine,
            providers=self.providers,
            clock=self.clock,
            state=self.folder / "state",
            spec=self.folder,
            facts=self.facts,
            secrets=self.secrets,
            children=self.children,
            max_parallel=self.max_parallel,
            on_event=self.on_event,
            on_text=lambda key, stream, text: self.text.append((key, stream, text)),
        )

    async def live(self, plan: Plan) -> Outcome:
        """Run the plan; check what must hold after every run."""
        await self.store.open()
        report = await execute(plan, self.setup(), self.control)
        outcome = Outcome(report, await self.store.events(report.run))
        for record in await self.store.runs():
            if record.key != report.run and record.data["state"] not in ("succeeded", "failed", "cancelled", "paused"):
                raise AssertionError(f"run {record.key} did not end")
        await self.check(outcome)
        return outcome

    async def below(self, run: str) -> dict[str, Outcome]:
        """The runs that steps of a run started, each checked, by the key of the step (the last of several)."""
        found = {}
        for record in reversed(await self.store.runs()):
            parent = record.data["parent"]
            if parent and parent["run"] == run:
                parts = [
                    {each.key: each.data for each in await self.store.all(record.key, table)}
                    for table in ("step", "milestone", "artifact")
                ]
                report = Report(record.key, record.data["state"], record.data, *parts)
                found[parent["step"]] = Outcome(report, await self.store.events(record.key))
                await self.check(found[parent["step"]])
        return found

    def play(self, text: str, inputs: Mapping[str, Any] | None = None, files: Mapping[str, str] = NO_FILES) -> Outcome:
        """Compile a spec and run it. `files` are other specs, by their path from the spec's folder."""
        return asyncio.run(self.live(self.planned(text, inputs, files)))

    def planned(
        self,
        text: str,
        inputs: Mapping[str, Any] | None = None,
        files: Mapping[str, str] = NO_FILES,
        name: str | None = None,
    ) -> Plan:
        """The plan of a spec, its secrets and the workflows below it made ready."""
        self.providers.setdefault("e2b", Provider(self.cloud, "e2b"))

        def read(path: str) -> bytes | Unreadable:
            return files[path].encode() if path in files else Unreadable("no such file")

        made = compile_plan(text.encode(), "lab.yaml", inputs or {}, Surroundings(read=read), name)
        assert made.plan is not None, [each.message for each in made.diagnostics]
        self.secrets, self.children = prepare(made.plan, self.environ)
        self.clock.time += 1  # runs of one second would have one id here, where chance is always the same
        return made.plan

    async def check(self, outcome: Outcome) -> None:
        run = outcome.report.run
        verify(outcome.events, run, await self.store.head(run))
        for event in outcome.events:
            EVENT_SCHEMA.validate(event.to_json())
        assert (await compared(self.store, run)).differences == ()
        told = replay(outcome.events)
        stored = {record.key: record.data["state"] for record in await self.store.all(run, "step")}
        assert {key: told.steps.get(key, "pending") for key in stored} == stored
        if outcome.state != "paused":
            assert set(stored.values()) <= {"succeeded", "failed", "skipped", "cancelled"}
        record = await self.store.get(run, "run", run)
        assert record is not None
        assert record.data["state"] == told.run == outcome.report.state
        assert not self.cloud.boxes, "a box outlived its run"

    def run(self, *steps: PlanStep, **more: Any) -> Outcome:
        return asyncio.run(self.live(make_plan(*steps, **more)))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made.cloud.free_all()


@pytest.fixture
def make_step() -> Callable[..., PlanStep]:
    return step


@pytest.fixture
def new_plan() -> Callable[..., Plan]:
    return make_plan


@pytest.fixture
def two_providers() -> Callable[..., SandboxPlan]:
    def make(name: str = "default", **more: Any) -> SandboxPlan:
        candidates = tuple(Candidate(each, accepted=True, reason="listed") for each in ("first", "second"))
        return replace(SandboxPlan(name, candidates=candidates), **more)

    return make
