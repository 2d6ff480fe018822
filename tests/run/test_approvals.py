"""Steps of the kind `approve`: who is asked waits for nobody else, and nobody else waits for who is asked."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from runner.run.execute import execute
from runner.run.interrupt import Control
from runner.run.requests import Inbox, Request, new_id
from runner.store.memory import MemoryStore

HEAD = "spec: 1\nname: lab\nsandboxes: {own: {needs: {runtime: shell}, scope: step}}\n"
GATE = (
    HEAD
    + """
steps:
  build: {sandbox: own, run: echo built}
  gate:
    after: [build]
    owner: lead
    approve:
      prompt: "Ship ${{ run.name }}?"
      timeout: 1h
      form: {reason: {type: string, minLength: 2}, share: {type: number, default: 10}}
  ship: {sandbox: own, after: [gate], run: 'test ${{ steps.gate.outputs.reason }} = fine'}
  beside: {sandbox: own, run: echo beside}
agents: {lead: {human: true, title: Lead}}
outputs: {share: {value: "${{ steps.gate.outputs.share }}"}}
"""
)


class Calendar:
    """A clock that stands still until a test lets time pass; what waits is woken then."""

    def __init__(self, clock):
        self.time = clock.time
        self._sleepers = []

    def now(self):
        return self.time

    def random(self):
        return 0.5

    async def sleep(self, seconds):
        wake = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time + seconds, wake))
        await wake

    def let_pass(self, seconds):
        self.time += seconds
        for end, wake in self._sleepers:
            if end <= self.time and not wake.done():
                wake.set_result(None)


class Scene:
    """A run that goes on while a test acts on it."""

    def __init__(self, lab, plan, **more):
        self.lab, self.plan = lab, plan
        self.clock = Calendar(lab.clock)
        self.setup = replace(lab.setup(), clock=self.clock, **more)
        self.control = Control()
        self.seen = []
        self.setup = replace(self.setup, on_event=self.seen.append)

    @property
    def store(self):
        return self.setup.store

    async def begin(self, kept=None):
        await self.store.open()
        self.task = asyncio.ensure_future(execute(self.plan, self.setup, self.control, kept))

    async def until(self, condition):
        for _ in range(2000):
            if condition():
                return
            if self.task.done():
                self.task.result()
            await asyncio.sleep(0.005)
        raise AssertionError([(event.type, event.step, event.data) for event in self.seen])

    async def event(self, type_, step=None, count=1):
        def there():
            return sum(each.type == type_ and step in (None, each.step) for each in self.seen) >= count

        await self.until(there)
        return [each for each in self.seen if each.type == type_ and step in (None, each.step)][-1]

    def ask(self, action, step="", run=None, **more):
        """Write a request, as a command in another process does."""
        run = run or self.seen[0].run
        question = more.pop("question", "approve-1" if step else "")
        request = Request(new_id(), action, "ada", more.pop("at", self.clock.time), step, question, **more)
        Inbox(self.setup.state, run).write(request)
        return request

    async def kill(self):
        """End the process of the run without its leave: whatever is not in the store is lost."""
        copy = MemoryStore()
        await copy.open()
        copy.__dict__.update(
            {
                key: type(value)(value) if isinstance(value, dict) else value
                for key, value in self.store.__dict__.items()
            }
        )
        self.control.stop("the test is over")
        return copy

    async def end(self):
        report = await asyncio.wait_for(self.task, 20)
        return report, {key: each["state"] for key, each in report.steps.items()}


def test_an_approval_with_a_form_lets_the_run_go_on(lab):
    async def main():
        scene = Scene(lab, lab.planned(GATE), max_parallel=1)
        await scene.begin()
        told = (await scene.event("approval.asked")).data
        assert (told["prompt"], told["owner"], told["on_timeout"]) == ("Ship lab?", "lead", "reject")
        assert told["form"]["reason"] == {"type": "string", "minLength": 2}
        await scene.event("step.succeeded", "beside")
        request = scene.ask("approve", "gate", values={"reason": "fine"}, comment="go")
        report, states = await scene.end()
        assert set(states.values()) == {"succeeded"}, states
        assert report.document["outputs"] == {"share": 10.0}
        assert report.steps["gate"]["message"] == "approved by ada: go"
        decided = (await scene.event("approval.decided")).data
        assert (decided["decision"], decided["by"], decided["request"]) == ("approve", "ada", request.id)
        assert not Inbox(scene.setup.state, report.run).waiting()

    asyncio.run(main())
