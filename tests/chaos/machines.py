"""Random workflows under random schedules of faults, by hypothesis: processes that die at any commit, stores and boxes
that fail, people who decide, pause and cancel; and what must hold after each step of it, and at the end.

`machines(examples)` runs so many schedules. A failure prints the workflow and the steps that lead to it, the shortest
that were found.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, reject, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from runner.errors import NoCapacity, QuotaExhausted, RunRelieved, StoreError, StoreFull
from runner.run import questions
from runner.run.requests import Inbox, Request
from runner.run.state import FINAL
from tests.chaos.specs import FILES, workflows
from tests.chaos.world import Process, Unfit, World

#: Processes that a run may need at its end, when nothing disturbs it any more.
_ROUNDS = 12
_STORE_FAULTS = (
    StoreFull("the disk is full", "Make space."),
    StoreError("no answer within 10 s"),
)


class RunMachine(RuleBasedStateMachine):
    """One run, from its beginning to its end."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="runner-chaos-"))
        self.asked = 0
        #: Whether all that happened was that processes died.
        self.only_deaths = True

    @initialize(text=workflows(families=True))
    def begin(self, text: str) -> None:
        self.text = text
        try:
            self.world = World(self.folder / "state", text, FILES)
        except Unfit:
            reject()
        process = self.world.start(resume=False)
        self.world.turn(lambda: bool(self.world.run) or self.done(process))

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                self.come_to_an_end()
        finally:
            if hasattr(self, "world"):
                self.world.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    # ------------------------------------------------------------ looking

    @staticmethod
    def done(process: Process) -> bool:
        return process.task is not None and process.task.done()

    def over(self) -> bool:
        record = self.world.store._records.get(("run", self.world.run, self.world.run))
        return record is not None and any(f'"state":"{state}"' in record[1] for state in FINAL)

    def open_questions(self) -> list[tuple[str, str, str]]:
        """(run, leg, question) that wait for somebody."""
        found = []
        for run in self.world.wait(self.world.store.runs(100)):
            for leg in self.world.wait(self.world.store.all(run.key, "step")):
                if questions.is_open(leg.data) and run.data["state"] not in FINAL:
                    found.append((run.key, leg.key, str(questions.asked(leg.data)["question"])))
        return found

    def ask(self, action: Any, run: str = "", leg: str = "", question: str = "") -> None:
        self.asked += 1
        request = Request(f"{self.asked:020d}-chaos", action, "somebody", self.world.clock.now(), leg, question)
        Inbox(self.world.folder, run or self.world.run).write(request)

    # ------------------------------------------------------------ what happens

    @rule(commits=st.integers(1, 8))
    def go_on(self, commits: int) -> None:
        """Time passes until so many transitions were written."""
        goal = sum(each.commits for each in self.world.processes) + commits
        self.world.turn(
            lambda: sum(each.commits for each in self.world.processes) >= goal or not self.world.live, most=4000
        )

    @precondition(lambda self: self.world.live)
    @rule()
    def kill_now(self) -> None:
        """Every process of the run is killed where it is."""
        for process in self.world.live:
            self.world.kill(process)

    @precondition(lambda self: self.world.live)
    @rule(commits=st.integers(1, 12), when=st.sampled_from(["before", "after"]))
    def kill_at_a_commit(self, commits: int, when: str) -> None:
        """A process is killed when its n-th commit from now is, or is not, written, and nobody was told."""
        process = self.world.live[0]
        process.dies_at = (process.commits + commits, when)
        self.world.turn(lambda: process.dead or self.done(process), most=4000)
        if process.dead:
            self.world.bury(process)

    @precondition(lambda self: self.world.run and not self.world.live and not self.over())
    @rule(count=st.sampled_from([1, 1, 1, 2]))
    def resume(self, count: int) -> None:
        """Somebody goes on with the run, or two do at the same time."""
        for _ in range(count):
            self.world.start(resume=True)
        self.world.turn(lambda: not self.world.live or any(each.commits for each in self.world.live), most=500)

    @precondition(lambda self: self.world.run and self.world.live and not self.over())
    @rule()
    def take_over(self) -> None:
        """Somebody goes on with a run whose process is thought dead, and is not."""
        self.world.start(resume=True)

    @precondition(lambda self: self.world.live)
    @rule(which=st.integers(0, len(_STORE_FAULTS) - 1))
    def store_fails(self, which: int) -> None:
        """The next commit is refused."""
        self.only_deaths = False
        self.world.live[0].faults.append(_STORE_FAULTS[which])

    @precondition(lambda self: self.world.alive)
    @rule(which=st.integers(0, 99))
    def a_box_dies(self, which: int) -> None:
        """A box is gone, with the files in it."""
        self.only_deaths = False
        boxes = sorted(self.world.alive)
        del self.world.alive[boxes[which % len(boxes)]]

    @rule(kind=st.sampled_from([NoCapacity, QuotaExhausted]))
    def the_provider_is_out(self, kind: type[NoCapacity | QuotaExhausted]) -> None:
        """The next box cannot be had."""
        self.only_deaths = False
        self.world.refusals.append(kind("no more today"))

    @precondition(lambda self: self.world.run)
    @rule(action=st.sampled_from(["approve", "approve", "reject"]), which=st.integers(0, 9))
    def decide(self, action: str, which: int) -> None:
        """Somebody answers a question, maybe twice, maybe while nobody is there to hear."""
        found = self.open_questions()
        if found:
            self.only_deaths = False
            self.ask(action, *found[which % len(found)])

    @precondition(lambda self: self.world.run)
    @rule(action=st.sampled_from(["pause", "pause", "cancel"]))
    def stop(self, action: str) -> None:
        """Somebody pauses or cancels the run."""
        self.only_deaths = False
        self.ask(action)

    @rule(skew=st.sampled_from([-86_400.0, 86_400.0, 0.0]))
    def the_clock_is_set(self, skew: float) -> None:
        """The machine's clock jumps by a day, or comes right again."""
        self.only_deaths = False
        self.world.clock.skew = skew

    # ------------------------------------------------------------ what holds

    @invariant()
    def nothing_is_lost_or_done_twice(self) -> None:
        if hasattr(self, "world"):
            self.world.check()
            self.each_process_ended_as_it_may()

    def each_process_ended_as_it_may(self) -> None:
        for process in self.world.processes:
            task = process.task
            if task is None or not task.done() or process.dead or task.cancelled():
                continue
            error = task.exception()
            assert error is None or isinstance(error, RunRelieved | StoreError), repr(error)

    def come_to_an_end(self) -> None:
        """Nothing disturbs any more, and whatever is asked is approved: the run ends."""
        world = self.world
        world.refusals.clear()
        for process in world.processes:
            process.faults.clear()
            process.dies_at = None
        if not world.run:
            return
        for _ in range(_ROUNDS):
            self._settle()
            if self.over():
                break
            world.start(resume=True)
        assert self.over(), f"the run does not end: {world.result()}"
        world.turn(lambda: not world.live, most=20_000)
        self.each_process_ended_as_it_may()
        world.check_end()
        if self.only_deaths:
            assert world.result() == undisturbed(self.text, self.folder / "undisturbed")

    def _settle(self) -> None:
        """Until no process is there any more; every question is approved."""
        world = self.world
        answered: set[tuple[str, str, str]] = set()
        for _ in range(60):
            world.turn(lambda: not world.live, most=1500)
            if self.over():
                # Who was taken over while it only waits for people hears of it by its lease, which this world has none.
                for process in world.live:
                    world.kill(process)
            if not world.live:
                return
            for found in self.open_questions():
                if found not in answered:
                    answered.add(found)
                    self.ask("approve", *found)
        raise AssertionError(f"a process neither ends nor moves: {world.result()}")


def undisturbed(text: str, folder: Path) -> dict[str, Any]:
    """How a run of the workflow ends in a world without faults, in which everything is approved."""
    calm = RunMachine()
    shutil.rmtree(calm.folder)
    calm.folder = folder
    calm.world = World(folder, text, FILES)
    try:
        calm.world.start(resume=False)
        calm._settle()
        return calm.world.result()
    finally:
        calm.world.close()


def machines(examples: int, steps: int = 14, *, fixed: bool = False) -> None:
    """Run so many random schedules of at most so many steps; raises the first violation, made short. With `fixed` they
    are the same ones at each call, and a violation is told as it was found.
    """
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=True,
        derandomize=fixed,
        phases=[Phase.generate] if fixed else [Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(RunMachine, settings=chosen)
