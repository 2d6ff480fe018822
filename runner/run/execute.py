"""A whole run: checks, documents, steps, the last steps, boxes freed, the end written down."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import field, replace
from pathlib import Path
from typing import cast

from runner.compiler.canonical import Json, canonical
from runner.compiler.plan.model import Plan, PlanStep
from runner.compiler.plan.wire import to_json
from runner.errors import ExpressionFailed, RunnerError, RunRelieved, StoreError
from runner.records import dataclass
from runner.run import remembered, support
from runner.run.artifacts import storage_error, write_durably
from runner.run.attempt import Attempts, Places, told_below
from runner.run.boxes import Boxes
from runner.run.cache import Cache
from runner.run.children import Below, Children, Made, Parent, Prepared
from runner.run.clock import moment, new_run_id
from runner.run.desk import Desk
from runner.run.event import Event
from runner.run.found import Finder
from runner.run.gate import Gates
from runner.run.groups import Busy, Claim, Groups, Shared
from runner.run.interrupt import FINAL, STEPS, Control, Stopped, uninterrupted
from runner.run.journal import Journal
from runner.run.kept import Kept, plan_path
from runner.run.lease import Relief, leased
from runner.run.leg import Life, pending
from runner.run.local import BareHost
from runner.run.mask import Mask
from runner.run.meter import Meter, limits
from runner.run.milestones import Milestones
from runner.run.owner import owner
from runner.run.policies import Policies, declared
from runner.run.ports import Clock, RunState, StepHost
from runner.run.prior import Prior
from runner.run.requests import Inbox
from runner.run.results import as_document, results
from runner.run.scheduler import Queue, Scheduler
from runner.run.setup import Report as Report
from runner.run.setup import Setup as Setup
from runner.run.slots import Slots
from runner.run.snapshots import Snapshots
from runner.run.state import OPEN
from runner.run.supply import Market, Supply, chooser
from runner.run.takeup import TakeUp
from runner.run.values import Values, legs_of, rendered
from runner.run.version import version_of


async def execute(plan: Plan, setup: Setup, control: Control, kept: Kept | None = None) -> Report:
    """Run a plan to its end. `control.stop` ends it early. With `kept`, go on with that run of the plan: a process
    before this one began it.

    Raises SpecError and SandboxMissing before anything was written, EngineUnavailable, StoreError (boxes are freed
    then), and CancelledError when the caller is cancelled (the run has ended as cancelled then).
    """
    if kept is not None:
        setup = await remembered.again(setup, kept.run, kept.document)
    decide = chooser(setup.facts)
    support.refuse_unsupported(plan)
    support.refuse_unservable(plan, decide, setup.providers)
    for prepared in setup.children.values():
        support.refuse_unservable(prepared.plan, decide, setup.providers)
    secrets = [*setup.secrets.values(), *(each for one in setup.children.values() for each in one.secrets.values())]
    groups = Groups(setup.groups or setup.state / "groups")
    market = Market(setup.providers, setup.facts, Gates(setup.facts, setup.clock), setup.live)
    queue = Queue(Slots(setup.max_parallel), setup.max_parallel)
    run = _Run(plan, setup, control, _Common(Mask(secrets), groups, market, queue), kept=kept)
    run.relief.also(run.stop)
    async with leased(setup.store, run.id, None if kept is None else kept.lease, run.relief):
        await setup.engine.run(plan, run.id, run.body)
    return run.report()


@dataclass(frozen=True, slots=True)
class _Common:
    """What a run has in common with those below it. `inside` are the places in groups that those above hold, `policies`
    and `meter` those of the run right above.
    """

    mask: Mask
    groups: Groups
    market: Market
    queue: Queue
    inside: Mapping[str, Shared] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    policies: Policies | None = None
    meter: Meter | None = None
    relief: Relief = field(default_factory=Relief)

    def new_id(self, clock: Clock) -> str:
        """An id that no other run of the family has, however many start in one second."""
        chance = clock.random()
        while (id_ := new_run_id(clock.now(), chance)) in self.ids:
            chance = (chance + 0.618) % 1
        self.ids.add(id_)
        return id_


class _Run:
    """One run. Those below it share its slots, its concurrency groups, its providers and its store."""

    def __init__(
        self,
        plan: Plan,
        setup: Setup,
        control: Control,
        common: _Common,
        parent: Parent | None = None,
        kept: Kept | None = None,
    ) -> None:
        clock = setup.clock
        self.id = (setup.id or common.new_id(clock)) if kept is None else kept.run
        common.ids.add(self.id)
        self._plan = plan
        self._setup = setup
        self._control = control
        self._common = common
        self._parent = parent
        self._journal = Journal(setup.store, self.id, clock, common.mask, self._heard)
        self._values = values = Values(plan, self.id, setup.secrets)
        self._meter = meter = Meter(limits(plan), clock, common.meter)
        self._policies = Policies(declared(plan), self._journal, control, self._watched, common.policies)
        self._supply = supply = Supply(plan, common.market, self._journal, clock, self._policies, meter)
        self._boxes = Boxes(plan, supply, self._journal, clock, self._policies, meter)
        places = Places(setup.state, setup.spec, setup.snapshots)
        attempts = Attempts(plan, places, self._boxes, values, self._journal, setup.on_text)
        self._children = Children(plan, Below(setup.children, setup.store, self._child), values, self._journal, control)
        cache = Cache(plan, setup.state, setup.spec, values, self._journal, clock)
        self._desk = Desk(Inbox(setup.state, self.id), self._journal, control, clock)
        self._life = Life(
            plan, self._journal, values, attempts, self._children, cache, common.groups, clock, control, self._desk,
            common.inside, common.queue.priority, prior=setup.prior,
        )  # fmt: skip
        self._milestones = Milestones(plan, self._journal, values)
        self._scheduler = Scheduler(self._life, self._milestones, common.queue)
        self._last_failed: list[str] = []
        self._warnings: list[str] = []
        self._made = Made({}, {})
        self._held: dict[str, Shared] = {}
        self._began = clock.now()
        self._before = None if kept is None else TakeUp(plan, kept, self._journal, values)
        self.relief = self._journal.lost = common.relief
        self.relief.also(self._relieved)

    def _relieved(self, error: StoreError) -> None:
        """Another process is to go on with the run: nothing of it is written here any more, nor freed if one does."""
        self._journal.fail(error)
        if isinstance(error, RunRelieved):
            self._boxes.let_go()

    def stop(self, error: StoreError) -> None:
        """Stop what is under way, the last steps too."""
        for _ in (STEPS, FINAL):
            self._control.stop(error.message)

    def _heard(self, event: Event) -> None:
        """Every committed event of this run."""
        if self._setup.on_event is not None:
            self._setup.on_event(event)
        self._policies.hear(event)

    def _watched(self) -> dict[str, Json]:
        """What the conditions of policies see."""
        run, now = self._journal.document("run", self.id), self._setup.clock.now()
        found = self._values.seen(self._scheduler.ended)
        told: dict[str, Json] = {"cost": {"usd": self._meter.usd()}, "state": run["state"]}
        told["seconds"] = max(0.0, now - self._began)
        return {**found, "run": {"id": self.id, "name": self._plan.name, **told}}

    async def body(self, host: StepHost) -> RunState:
        """What the engine calls, once."""
        if self._before is None:
            await self._create()
        else:
            self._before.restore()
            if self._before.ended:
                return self._as_it_ended()
        watching = [asyncio.ensure_future(self._policies.watch()), asyncio.ensure_future(self._desk.watch(self._idle))]
        try:
            return await self._lived(host)
        finally:
            for each in watching:
                each.cancel()

    def _idle(self) -> list[str]:
        """The decisions that the run is not to wait for; those of a run below are the business of the one above."""
        return self._scheduler.idle() if self._parent is None and not self._setup.wait else []

    async def _lived(self, host: StepHost) -> RunState:
        try:
            if self._before is not None:
                await self._taken_up(self._before)
            async with self._admitted() as admitted:
                if admitted:
                    await self._steps(host)
        except asyncio.CancelledError:
            self._control.stop_once(f"the {self._setup.engine.name} engine stopped the run")
            await uninterrupted(self._abandoned())
            raise
        except RunRelieved:
            self._boxes.let_go()  # they are the other process's too, but for those it cannot know
            await uninterrupted(self._boxes.free_all())
            raise
        except RunnerError as error:
            await uninterrupted(self._finish(error.message))
            raise
        except Exception as error:
            await uninterrupted(self._finish(f"internal error: {type(error).__name__}: {error}"))
            raise
        return await uninterrupted(self._finish())

    async def _steps(self, host: StepHost) -> None:
        journal = self._journal
        if self._before is None:
            journal.move_run("running", journal.fact("run.started"), started_at=journal.now())
        await journal.sync()
        if self._before is not None:
            self._policies.hold(self._before.kept.events)
        await self._scheduler.run(host)
        await self._last(host)

    # ------------------------------------------------------------ after another process

    async def _taken_up(self, kept: TakeUp) -> None:
        """Go on from what a process before this one has left: legs, milestones, policies, costs, boxes, runs below."""
        setup = self._setup
        self._policies.take_up(kept.kept.events)
        legs = await kept.claim()
        self._milestones.take_up()
        self._began = moment(str(self._journal.document("run", self.id)["started_at"]))
        finder = Finder(self._plan, kept.kept, self._journal, self._supply, setup.state / "artifacts")
        await finder.find(self._boxes, self._values, self._meter)
        kept.interrupt(leg for leg in legs if leg not in self._boxes.going_on)
        await self._children.take_up(kept.unended())
        await self._desk.take_up(kept.kept.events)
        await self._journal.sync()

    def _as_it_ended(self) -> RunState:
        """The state of a run that ended, though the run above it has not heard of it."""
        state = cast("RunState", self._journal.document("run", self.id)["state"])
        if state == "succeeded":
            self._made = results(self._plan, self._values, self._journal)
        return state

    def report(self) -> Report:
        """The documents at the end."""
        document = self._journal.document("run", self.id)
        return Report(
            self.id,
            cast("RunState", document["state"]),
            document,
            self._in_order(self._journal.documents("step")),
            self._journal.documents("milestone"),
            self._journal.documents("artifact"),
            tuple(self._warnings),
        )

    def _in_order(self, documents: dict[str, dict[str, Json]]) -> dict[str, dict[str, Json]]:
        """The documents of the legs in the order of the plan; the items of a `for_each` after their step."""
        steps = support.all_steps(self._plan)
        keys = (key for step in steps for key in (step.id, *(leg.key for leg in self._values.legs(step))))
        return {key: documents[key] for key in keys if key in documents}

    # ------------------------------------------------------------ below another run

    def _child(
        self, plan: Plan, prepared: Prepared, parent: Parent, control: Control, kept: Kept | None = None
    ) -> _Run:
        """A run below this one, for one of its steps; with `kept`, one that a process before this one began."""
        setup = self._setup
        folder = posixpath.dirname(posixpath.relpath(plan.source["path"], posixpath.dirname(_path(self._plan)) or "."))
        on_text = None if setup.on_text is None else told_below(parent.leg, setup.on_text)
        # Names of sandboxes are a spec's own: what boxes of this one begin with means nothing below.
        snapshots = Snapshots(setup.snapshots.keep)
        below = replace(setup, secrets=prepared.secrets, spec=setup.spec / folder, on_text=on_text)
        below = replace(below, snapshots=snapshots, prior=Prior(), id="")
        step, queue = parent.step, self._common.queue
        ids = [each.id for each in support.all_steps(self._plan)]
        held = self._life.held.get(parent.leg, {})
        # A run that began early is finished before the next one begins, and its boxes are freed.
        legs = [leg.key for leg in self._values.legs(step)]
        order = (*queue.order, ids.index(step.id), legs.index(parent.leg))
        common = replace(
            self._common,
            queue=replace(queue, priority=queue.priority + step.priority, order=order),
            inside={**self._common.inside, **self._held, **held},
            policies=self._policies,
            meter=self._meter,
        )
        run = _Run(plan, below, control, common, parent, kept)
        self._desk.below[parent.leg] = run._scheduler.idle
        return run

    async def live(self) -> RunState:
        """The run, to its end, below another one: the engine shows only the step that started it."""
        return await self.body(BareHost())

    def made(self) -> Made:
        """The workflow's outputs, after the run succeeded."""
        return self._made

    def failure(self) -> tuple[str, bool]:
        """The run's message, and whether nothing but providers of boxes failed."""
        classes = {
            step["error_class"] for step in self._journal.documents("step").values() if step["state"] == "failed"
        }
        return str(self._journal.document("run", self.id)["message"]), classes == {"provider"}

    # ------------------------------------------------------------ beginning

    async def _create(self) -> None:
        plan, journal = self._plan, self._journal
        path = plan_path(self._setup.state, self.id)
        try:
            await asyncio.to_thread(write_durably, path, canonical(self._plan_kept()))
        except OSError as error:
            raise storage_error(error, path) from error
        began = await asyncio.to_thread(remembered.keep, self._setup, self.id)
        legs = [(step, leg) for step in support.all_steps(plan) for leg in legs_of(step)]
        spec = plan.source.get("path", "<stdin>")
        parent = self._parent
        version, seen = version_of(plan, journal.now())
        document: dict[str, Json] = {
            "id": self.id,
            "spec": spec,
            "spec_path": spec if spec == "<stdin>" else str(self._setup.spec / Path(spec).name),
            "name": plan.name,
            "title": plan.title,
            "plan_digest": plan.digest,
            "workflow": version,
            "parent": {"run": parent.run, "step": parent.leg, "attempt": parent.attempt} if parent else None,
            "state": "pending",
            "engine": self._setup.engine.name,
            "inputs": dict(plan.inputs),
            "outputs": {},
            "created_at": journal.now(),
            "started_at": None,
            "ended_at": None,
            "message": "",
            "owner": owner(),
            "steps_total": len(legs),
            **began,
        }
        told = ("spec", "name", "plan_digest", "engine", "inputs", "parent", "steps_total", "rerun_of")
        created = journal.fact("run.created", {key: document[key] for key in told if document[key] is not None})
        journal.put("run", self.id, document, created)
        journal.put("workflow", version, seen)
        for step, leg in legs:
            journal.put("step", leg.key, pending(step, leg))
        self._milestones.announce()

    def _plan_kept(self) -> Json:
        """The plan as `plan.json` keeps it: what a run above hands on as inputs may hold secrets."""
        plan = to_json(self._plan)
        return plan if self._parent is None else self._common.mask.json(plan)

    @asynccontextmanager
    async def _admitted(self) -> AsyncIterator[bool]:
        """A place in the run's concurrency group, where it has one; false when there is none for it."""
        declared = self._plan.concurrency
        if declared is None:
            yield True
            return
        await self._journal.sync()
        group = rendered(declared.group, self._values.seen(()))
        who, inside = f"run {self.id} of {self._plan.name}", self._common.inside
        priority = self._common.queue.priority + self._plan.priority
        claim = Claim("run", group, declared.limit, declared.on_conflict, who, priority, inside)

        def wait(holders: list[str]) -> None:
            self._journal.note(self._journal.fact("run.waiting", claim.told(holders)))

        def make_room(reason: str) -> None:
            self._control.stop_once(f"{reason} {group}")

        async with AsyncExitStack() as stack:
            entering = stack.enter_async_context(self._common.groups.place(claim, wait, make_room))
            try:
                self._held = await self._control.guard(entering, STEPS)
            except Busy as error:
                self._control.stop_once(claim.full(error.holders))
            except Stopped:
                pass
            yield not self._control.stopped(STEPS)

    # ------------------------------------------------------------ end

    async def _last(self, host: StepHost) -> None:
        """Milestones that stayed open, then `on_failure`, then `finally`. A paused run is not at its end."""
        if self._pausing(but=[step.id for step in (self._plan.on_failure, self._plan.finally_) if step is not None]):
            return
        self._control.paused = ""
        self._milestones.close(self._scheduler.ended)
        stopped = self._control.stopped(STEPS)
        if (step := self._plan.on_failure) is not None:
            wanted = not stopped and (self._scheduler.failed or self._milestones.broken)
            leg = legs_of(step)[0]
            if wanted or self._life.kept(step, leg) is not None:
                await self._run_last(host, step)
            elif self._journal.document("step", leg.key)["state"] == "pending":
                self._life.skip(step, leg, "the run was stopped" if stopped else "nothing failed")
            else:  # it had begun when a process before this one ended
                self._life.cancel(step, leg)
        if (step := self._plan.finally_) is not None and not self._pausing():
            await self._run_last(host, step)

    async def _run_last(self, host: StepHost, step: PlanStep) -> None:
        outcome = await self._scheduler.run_last(host, step)
        if outcome.state == "failed" and not step.allow_failure:
            self._last_failed.append(outcome.key)

    async def _abandoned(self) -> None:
        """The engine is gone: `finally` still runs, on a bare host, if the run had started."""
        self._scheduler.sweep()
        if self._journal.document("run", self.id)["state"] == "running":
            await self._last(BareHost())
        await self._finish()

    def _pausing(self, but: Collection[str] = ()) -> bool:
        """Whether the run ends as paused: nobody stopped it, and something has not begun or not ended, `but` for these
        legs.
        """
        if not self._control.paused or self._control.stopped(STEPS):
            return False
        documents = self._journal.documents("step")
        return any(each["state"] in OPEN for key, each in documents.items() if key not in but)

    async def _finish(self, error: str = "") -> RunState:
        """Free the boxes and end the run, and the runs below that have no end. Where the store takes no end, the run
        stays as it was written, and boxes with files that whoever goes on with it needs stay too.
        """
        if error:
            self._control.paused = ""
        self._scheduler.sweep(last=True)
        pausing, trouble = self._pausing(), await self._journal.trouble()
        if trouble is not None:
            self._boxes.let_go(all_=isinstance(trouble, RunRelieved))
        elif pausing:
            await self._boxes.save(self._setup.state / "artifacts")
        self._warnings += await self._boxes.free_all()
        if trouble is None:
            await self._children.end_rest()
        if pausing and not self._pausing():  # somebody has stopped meanwhile what was to be paused
            await self._last(BareHost())
            return await self._finish(error)
        state, message = self._verdict(error)
        tally: dict[str, Json] = {}
        for document in self._journal.documents("step").values():
            tally[str(document["state"])] = cast("int", tally.get(str(document["state"]), 0)) + 1
        cost = self._meter.document()
        data: dict[str, Json] = {"message": message, "steps": tally, "cost": cost}
        if self._plan.outputs and state == "succeeded":
            data["outputs"] = as_document(self._made)
            self._journal.put("run", self.id, {"outputs": data["outputs"]})
        fact = self._journal.fact(f"run.{state}", data)
        # A paused run has not ended, but nothing of it goes on.
        self._journal.move_run(state, fact, message=message, ended_at=self._journal.now(), cost=cost)
        try:
            await self._journal.sync()
        except StoreError:
            if not error:
                raise
        return state

    def _verdict(self, error: str) -> tuple[RunState, str]:
        if error:
            return "failed", error
        if self._control.stopped(STEPS):
            return "failed" if self._control.failed else "cancelled", self._control.reason
        if self._pausing():
            return "paused", self._control.paused
        documents = self._journal.documents("step")
        failed = [*self._scheduler.failed, *self._last_failed]
        sentences = [f"{key}: {documents[key]['message']}" for key in failed] + self._milestones.broken
        if sentences:
            return "failed", "; ".join(sentences)
        if crowded := self._scheduler.crowded_out:
            return "cancelled", "; ".join(f"{key}: {documents[key]['message']}" for key in crowded)
        if self._setup.prior.left:  # what was left out has no outputs
            return "succeeded", ""
        try:
            self._made = results(self._plan, self._values, self._journal)
        except ExpressionFailed as wrong:
            return "failed", wrong.message
        return "succeeded", ""


def _path(plan: Plan) -> str:
    return plan.source.get("path", "")
