"""A world for one run: a store and boxes that outlive processes, processes that die, faults on order, and a ledger of
what really happened, which knows nothing of journals.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from runner.compiler.compile import compile_plan
from runner.compiler.plan.model import Plan
from runner.compiler.surroundings import Surroundings, Unreadable
from runner.errors import BoxError, BoxGone, FileMissing, RunnerError
from runner.run.children import Prepared
from runner.run.event import Event, EventDraft, verify
from runner.run.execute import Report, Setup, execute
from runner.run.interrupt import Control
from runner.run.kept import load
from runner.run.local import LocalEngine
from runner.run.ports import BoxInfo, BoxRequest, Change, Command, CommandResult, FileInfo, OnOutput
from runner.run.prepare import prepare
from runner.run.replay import compared
from runner.run.state import FINAL
from runner.run.supply import LEASE
from runner.store.codec import decode, decode_event
from runner.store.memory import MemoryStore
from tests.chaos.turning import LoopClock, TurningLoop

T = TypeVar("T")
#: Events after which an attempt of a leg that is not to be repeated may be followed by another.
_LEAVES = ("step.retrying", "step.repeated", "approval.decided")


class Died(BaseException):
    """The process was killed: nothing of it does anything more."""


class Unfit(Exception):
    """The workflow that was drawn has errors: nothing would run it."""


@dataclass
class Process:
    """One process of `runner`: what it calls outside of itself passes `alive`. It dies in its commit number `dies_at`,
    before or after that was written. `faults` are raised by its next commits.
    """

    name: str
    control: Control = field(default_factory=Control)
    faults: list[RunnerError] = field(default_factory=list)
    dies_at: tuple[int, str] | None = None
    commits: int = 0
    dead: bool = False
    told: list[Event] = field(default_factory=list)
    task: asyncio.Task[Report] | None = None

    def alive(self) -> None:
        if self.dead:
            raise Died(self.name)

    def hears(self, event: Event) -> None:
        if not self.dead:
            self.told.append(event)


class ProcessStore(MemoryStore):
    """The store as one process sees it."""

    def __init__(self, common: MemoryStore, process: Process) -> None:
        super().__init__()
        self.__dict__.update(common.__dict__)  # the very same contents
        self._common = common
        self._process = process

    async def commit(self, run: str, changes: Sequence[Change], events: Sequence[EventDraft]) -> list[Event]:
        process = self._process
        process.alive()
        await asyncio.sleep(0)
        process.alive()
        process.commits += 1
        number, when = process.dies_at or (0, "")
        if process.commits == number and when == "before":
            process.dead = True
            raise Died(process.name)
        if process.faults:
            raise process.faults.pop(0)
        sealed = await self._common.commit(run, changes, events)
        if process.commits == number:
            process.dead = True
            raise Died(process.name)
        await asyncio.sleep(0)
        process.alive()
        return sealed


@dataclass
class ScriptedBox:
    """A box of words: `word` is a turn of the loop, `nap` two seconds, `put NAME=JSON` an output, `exit N` the end."""

    id: str
    world: World
    process: Process
    provider: str
    home: str = "/home/user"
    desktop: None = None

    async def _here(self) -> None:
        self.process.alive()
        await asyncio.sleep(0)
        self.process.alive()
        if self.id not in self.world.living():
            raise BoxGone(f"box {self.id} is gone")

    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        await self._here()
        self.world.begins(command.env)
        told = self.world.files.setdefault(self.id, {})
        for word in re.findall(r"word|nap|put \S+", command.text):
            if word.startswith("put "):
                path = command.env["RUNNER_OUTPUT"]
                told[path] = told.get(path, b"") + word[4:].encode() + b"\n"
            await asyncio.sleep(2 if word == "nap" else 0)
            await self._here()
        code = re.search(r"exit (\d+)", command.text)
        return CommandResult(int(code[1]) if code else 0, "", "")

    async def mkdir(self, path: str) -> None:
        await self._here()

    async def stat(self, path: str) -> FileInfo:
        content = await self.read(path)
        return FileInfo(path, path, "file", len(content), 0o600, 0.0)

    async def read(self, path: str) -> bytes:
        await self._here()
        found = self.world.files.get(self.id, {}).get(path)
        if found is None:
            raise FileMissing(path)
        return found

    async def export_tar(self, path: str) -> bytes:
        await self._here()
        return json.dumps({name: text.decode() for name, text in self.world.files.get(self.id, {}).items()}).encode()

    async def import_tar(self, path: str, tar: bytes) -> None:
        await self._here()
        self.world.files.setdefault(self.id, {}).update({name: text.encode() for name, text in json.loads(tar).items()})

    async def set_timeout(self, seconds: float) -> None:
        await self._here()
        self.world.alive[self.id] = self.world.loop.time() + seconds

    async def info(self) -> BoxInfo:
        await self._here()
        return self.world.info(self.id)

    async def kill(self) -> bool:
        self.process.alive()
        await asyncio.sleep(0)
        self.process.alive()
        return self.world.alive.pop(self.id, None) is not None


@dataclass
class ScriptedCloud:
    """A provider as one process sees it."""

    world: World
    process: Process
    provider: str = "e2b"

    async def create(self, request: BoxRequest) -> ScriptedBox:
        self.process.alive()
        await asyncio.sleep(0)
        self.process.alive()
        if self.world.refusals:
            raise self.world.refusals.pop(0)
        self.world.made += 1
        name = f"box-{self.world.made}"
        self.world.alive[name] = self.world.loop.time() + request.timeout
        self.world.labels[name] = dict(request.labels)
        return ScriptedBox(name, self.world, self.process, self.provider)

    async def connect(self, box_id: str) -> ScriptedBox:
        self.process.alive()
        await asyncio.sleep(0)
        if box_id not in self.world.living():
            raise BoxGone(f"there is no box {box_id}")
        return ScriptedBox(box_id, self.world, self.process, self.provider)

    async def list(self, labels: Mapping[str, str]) -> list[BoxInfo]:
        self.process.alive()
        await asyncio.sleep(0)
        infos = [self.world.info(name) for name in self.world.living()]
        return [info for info in infos if labels.items() <= info.labels.items()]


class World:
    """The state folder, the store, the provider, and the processes that came and went."""

    def __init__(self, folder: Path, text: str, files: dict[str, str]) -> None:
        self.plan, self.children, self.once = _compiled(text, files)
        self.folder = folder
        self.loop = TurningLoop()
        self.clock = LoopClock(self.loop)
        self.store = MemoryStore()
        self.alive: dict[str, float] = {}  # with the moment of the loop at which the provider ends it
        self.labels: dict[str, dict[str, str]] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.refusals: list[BoxError] = []
        self.made = 0
        self.processes: list[Process] = []
        self.begun: list[tuple[str, str, int]] = []
        self.wrong: list[str] = []
        self.loop.set_exception_handler(_quiet)
        self.loop.run_until_complete(self.store.open())

    # ------------------------------------------------------------ processes

    @property
    def run(self) -> str:
        """The run above all others, "" before it was written down."""
        runs = ((key, text) for (table, _, key), (_, text) in self.store._records.items() if table == "run")
        return next((key for key, text in runs if decode(text)["parent"] is None), "")

    @property
    def live(self) -> list[Process]:
        return [each for each in self.processes if each.task is not None and not each.task.done()]

    def start(self, *, resume: bool) -> Process:
        """A process that begins the run, or goes on with it."""
        process = Process(f"process {len(self.processes) + 1}")
        setup = Setup(
            store=ProcessStore(self.store, process),
            engine=LocalEngine(),
            providers={"e2b": ScriptedCloud(self, process)},
            clock=self.clock,
            state=self.folder,
            spec=self.folder,
            children=self.children,
            max_parallel=3,
            on_event=process.hears,
        )

        async def main() -> Report:
            kept = await load(setup.store, self.run) if resume else None
            return await execute(self.plan, setup, process.control, kept)

        process.task = self.loop.create_task(main())
        self.processes.append(process)
        return process

    def turn(self, until: Callable[[], bool], most: int = 40_000) -> bool:
        """Let the world turn until something holds; whether it does."""
        return self.loop.turn(until, most)

    def kill(self, process: Process) -> None:
        """Its next word to the outside is its last, and nobody hears it."""
        process.dead = True
        self.bury(process)

    def bury(self, process: Process) -> None:
        """Clear away what is left of a dead process in this one's memory."""
        assert process.task is not None
        if not self.turn(process.task.done, 300):
            process.task.cancel()
            self.turn(process.task.done, 3000)
        if process.task.done() and not process.task.cancelled():
            process.task.exception()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def living(self) -> list[str]:
        """The boxes whose time is not over."""
        self.alive = {name: end for name, end in self.alive.items() if end > self.loop.time()}
        return sorted(self.alive)

    def info(self, box: str) -> BoxInfo:
        return BoxInfo(box, "e2b", self.labels[box], 0.0, self.alive[box], 1, 512)

    # ------------------------------------------------------------ the ledger

    def begins(self, env: Any) -> None:
        """A command begins in a box, for a leg of a run."""
        if "RUNNER_ATTEMPT" not in env:
            return  # housekeeping of the runner
        run, leg, attempt = env["RUNNER_RUN"], env["RUNNER_STEP"], int(env["RUNNER_ATTEMPT"])
        events = [event for event in self.journal(run) if event.step == leg]
        if any(event.type == "step.succeeded" for event in events):
            self.wrong.append(f"{leg} of {run} began again (attempt {attempt}) after it had succeeded")
        before = [each for each in self.begun if each[:2] == (run, leg)]
        if before and leg.partition("[")[0] in self.once and run == self.run:
            since = [event.type for event in events if (event.attempt or 0) >= before[-1][2]]
            if not set(since) & set(_LEAVES):
                self.wrong.append(f"{leg} was repeated (attempt {attempt}) without anybody's leave: {since}")
        self.begun.append((run, leg, attempt))

    def journal(self, run: str) -> list[Event]:
        """The journal as it is, from inside the loop."""
        return [decode_event(text) for text in self.store._events.get(run, {}).values()]

    # ------------------------------------------------------------ what must hold

    def check(self) -> None:
        """Between any two moments: what the ledger forbids, chains, replays, and what was told."""
        assert not self.wrong, self.wrong
        for process in self.processes:
            for event in process.told:
                kept = self.store._events[event.run].get(event.seq)
                assert kept is not None, f"{event.type} was told and is lost"
                assert event.hash in kept, f"event {event.seq} of {event.run} is another one than was told"
        self.wait(self._compare())

    async def _compare(self) -> None:
        for run in self.store._heads:
            verify(await self.store.events(run), run, await self.store.head(run))
            found = await compared(self.store, run)
            assert found.differences == (), found.differences

    def check_end(self) -> None:
        """After the run's end."""
        self.check()
        # What a process made and could not write down any more ends with its lease.
        self.wait(asyncio.sleep(LEASE + 1))
        assert not self.living(), f"boxes outlived the run by more than a lease: {self.alive}"
        for run in self.wait(self.store.runs(1000)):
            assert run.data["state"] in FINAL, f"run {run.key} is {run.data['state']} for ever"
            for leg in self.wait(self.store.all(run.key, "step")):
                assert leg.data["state"] in FINAL, f"{leg.key} is {leg.data['state']} for ever"

    def result(self) -> dict[str, Any]:
        """How the run and its legs ended, as far as no process and no moment has a part in it."""
        legs = {
            leg.key: (leg.data["state"], leg.data["outputs"]) for leg in self.wait(self.store.all(self.run, "step"))
        }
        (run,) = self.wait(self.store.all(self.run, "run"))
        milestones = {each.key: each.data["state"] for each in self.wait(self.store.all(self.run, "milestone"))}
        return {"run": run.data["state"], "outputs": run.data["outputs"], "legs": legs, "milestones": milestones}

    def close(self) -> None:
        """Let everything go."""
        for process in self.processes:
            process.dead = True
            self.bury(process)
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        self.turn(lambda: all(task.done() for task in left), 1000)
        self.loop.close()


def _quiet(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What nobody waits for any more, of a process that died, is no news."""
    if not isinstance(context.get("exception"), Died):
        loop.default_exception_handler(context)


def _compiled(text: str, files: dict[str, str]) -> tuple[Plan, dict[str, Prepared], set[str]]:
    def read(path: str) -> bytes | Unreadable:
        return files[path].encode() if path in files else Unreadable("no such file")

    made = compile_plan(text.encode(), "chaos.yaml", {}, Surroundings(read=read))
    if made.plan is None:
        raise Unfit([each.message for each in made.diagnostics])
    _, children = prepare(made.plan, {})
    return made.plan, children, {step.id for step in made.plan.steps if not step.idempotent}
