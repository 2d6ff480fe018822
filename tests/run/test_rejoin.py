"""Attempts whose commands went on while no process of the run was there: taken up where the log stops."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from runner.run.clock import iso
from runner.run.execute import execute
from runner.run.interrupt import Control
from runner.run.kept import load
from runner.run.logfile import log_path, read_log
from runner.run.ports import Command
from runner.run.rejoin import LEAST, keeping, seconds_left
from runner.sandbox.fake import FakeBox


@pytest.fixture
def lab(lab):
    lab.cloud.lasting = True
    return lab


class Process:
    """A run's process: it starts commands, hears the beginning of what they print, and dies; its boxes live on."""

    def __init__(self, monkeypatch, heard=()):
        self.started, self.heard, self.alive = asyncio.Event(), heard, True
        run = FakeBox.run

        async def deaf(box, command, on_output=None):
            if not (self.alive and command.keep):
                return await run(box, command, on_output)
            self.command = await box.start(replace(command, stdin=b"", timeout=None))
            await box.run(Command(f'until [ -e "{keeping(box).folder(command.keep)}/pid" ]; do sleep 0.01; done'))
            for piece in self.heard:
                on_output(*piece)
            self.started.set()
            return await asyncio.Event().wait()

        monkeypatch.setattr(FakeBox, "run", deaf)

    async def begin(self, lab, plan):
        await lab.store.open()
        self.life = asyncio.ensure_future(execute(plan, lab.setup(), Control()))
        await self.started.wait()
        self.alive = False
        (record,) = await lab.store.runs()
        return record.key

    async def end(self):
        """Its loop is gone with it: nothing that it would do on the way out happens."""
        self.life.cancel()
        await asyncio.gather(self.life, return_exceptions=True)


async def went_on(lab, plan, process, between=None):
    """Begin a run, let its process die, and go on with it; how it ended, its events, the log of its step."""
    run = await process.begin(lab, plan)
    if between is not None:
        await between(process)
    report = await execute(plan, lab.setup(), Control(), await load(lab.store, run))
    said = text(lab, run)
    await process.end()
    assert not lab.cloud.boxes
    return report, await lab.store.events(run), said


def of(events, type_):
    return [event for event in events if event.type == type_]


def text(lab, run, key="work", attempt=1):
    path = log_path(lab.folder / "state", run, key, attempt)
    lines = list(read_log(path)) if path.exists() else []
    return {name: "".join(line.text for line in lines if line.stream == name) for name in ("stdout", "stderr")}


HEAD = """
spec: 1
name: lab
secrets: {word: {env: WORD}}
sandboxes: {web: {needs: {runtime: shell}, prefer: [e2b]}, own: {needs: {runtime: shell}, prefer: [e2b], scope: step}}
steps:
"""
WORK = """
  work:
    sandbox: %s
    idempotent: false
    env: {WORD: "${{ secrets.word }}"}
    run: |
      echo begun >> times
      echo "one $WORD two"; echo oh >&2
      while [ ! -e go ]; do sleep 0.02; done
      echo "three"; echo "n=$(wc -l < times)" >> "$RUNNER_OUTPUT"; cp times page.txt
    outputs: {n: {type: integer}, page: {artifact: page.txt}}
"""


async def let_go(lab):
    (box,) = lab.cloud.boxes.values()
    await box.write("go", b"")


@pytest.mark.parametrize("sandbox", ["web", "own"])
@pytest.mark.parametrize("ended", [True, False])
def test_the_command_goes_on_and_so_does_its_attempt(lab, monkeypatch, sandbox, ended):
    lab.environ = {"WORD": "hunter22"}
    plan = lab.planned(HEAD + WORK % sandbox)
    # It had heard half of the secret, which nobody may see, and one stream whole.
    process = Process(monkeypatch, (("stdout", "one hunt"), ("stderr", "oh\n")))

    async def between(process):
        if ended:
            await let_go(lab)
            await process.command.wait()
        else:
            asyncio.get_running_loop().call_later(0.3, lambda: asyncio.ensure_future(let_go(lab)))

    report, events, said = asyncio.run(went_on(lab, plan, process, between))
    assert (report.state, report.steps["work"]["attempt"]) == ("succeeded", 1)
    assert report.steps["work"]["outputs"] == {"n": 1}
    assert said == {"stdout": "one *** two\nthree\n", "stderr": "oh\n"}
    (again,) = of(events, "step.reattached")
    assert (again.attempt, again.data["told"]) == (1, {"stdout": 4, "stderr": 3})
    told = [event.type for event in events]
    assert (told.count("step.started"), told.count("box.created"), told.count("box.found")) == (1, 1, 1)
    assert "step.interrupted" not in told
    assert "approval.asked" not in told
    (done,) = of(events, "step.succeeded")
    assert done.data["exit_code"] == 0
    assert told.count("artifact.stored") == 1


def test_its_exit_code_counts_and_a_retry_is_a_new_attempt(lab, monkeypatch):
    work = '  work: {sandbox: web, run: "exit $((RUNNER_ATTEMPT == 1 ? 3 : 0))", retry: {attempts: 2, delay: 1ms}}'
    spec = HEAD + work
    process = Process(monkeypatch)
    report, events, _ = asyncio.run(went_on(lab, lab.planned(spec), process, lambda process: process.command.wait()))
    assert (report.state, report.steps["work"]["attempt"]) == ("succeeded", 2)
    (again,) = of(events, "step.retrying")
    assert (again.attempt, again.data["exit_code"]) == (1, 3)


def test_what_the_box_does_not_know_is_made_again(lab, monkeypatch):
    plan = lab.planned(HEAD + "  work: {sandbox: web, run: 'echo x >> times; cat times'}")

    async def between(process):
        await process.command.wait()
        (box,) = lab.cloud.boxes.values()
        await box.remove(keeping(box).folder(""))

    report, events, _ = asyncio.run(went_on(lab, plan, Process(monkeypatch), between))
    assert (report.state, report.steps["work"]["attempt"]) == ("succeeded", 2)
    assert of(events, "step.interrupted")
    assert not of(events, "step.reattached")


def test_a_result_of_another_run_is_no_reason_to_leave_the_command_alone(lab, monkeypatch):
    plan = lab.planned(HEAD + '  work: {sandbox: web, run: "echo hi; sleep 0.3", cache: {key: same}}')

    async def between(_process):
        lab.clock.time += 1
        other = await execute(plan, lab.setup(), Control())
        assert other.state == "succeeded"

    report, events, said = asyncio.run(went_on(lab, plan, Process(monkeypatch), between))
    assert (report.state, said["stdout"]) == ("succeeded", "hi\n")
    assert not of(events, "step.cached")


def test_its_time_counts_from_when_it_began():
    leg = {"started_at": iso(1000.0)}
    assert seconds_left(leg, 600.0, 1100.0) == 500.0
    assert seconds_left(leg, 600.0, 900.0) == 600.0, "a clock that was put back gives no more time"
    assert seconds_left(leg, 600.0, 9000.0) == LEAST


def test_what_was_printed_does_not_stay_in_the_box(lab, monkeypatch):
    plan = lab.planned(HEAD + """
  work: {sandbox: web, run: echo hi}
  look: {sandbox: web, after: [work], run: 'find "$TMPDIR/.runner-kept" -type f | sed "s,.*/,," | sort | xargs'}
""")  # fmt: skip
    done = asyncio.run(lab.live(plan))
    assert done.state == "succeeded"
    # Its own output is being kept while it looks.
    assert text(lab, done.report.run, "look")["stdout"].split() == sorted(
        ["code", "pid", "stdout.end", "stderr.end", "pid", "stdout", "stderr"]
    )


def test_a_box_that_ends_with_its_process_keeps_nothing(lab):
    lab.cloud.lasting = False
    done = asyncio.run(lab.live(lab.planned(HEAD + "  work: {sandbox: web, run: 'ls -A \"$TMPDIR\"; echo hi'}")))
    lines = list(read_log(log_path(lab.folder / "state", done.report.run, "work", 1)))
    assert [(line.text, line.end) for line in lines] == [("hi\n", None)]
