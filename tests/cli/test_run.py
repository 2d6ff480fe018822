"""`runner run` with fake boxes and a store in memory: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runner import wiring
from runner.cli.main import app
from runner.compiler.plan.choose import Fact
from runner.errors import BoxError, EngineUnavailable, SpecError, StoreFull, UsageError
from runner.sandbox.fake import FakeCloud, FakeSandbox, declared_fault
from runner.store.memory import MemoryStore

HELLO = """\
spec: 1
name: hello
inputs: {who: {type: string, default: world}, times: {type: integer, default: 1}}
steps:
  greet:
    run: 'echo "hello, ${{ inputs.who }}"; echo "n=${{ inputs.times }}" >> $RUNNER_OUTPUT'
    outputs: {n: {type: integer}}
  file: {after: [greet], run: 'echo x > f', outputs: {f: {artifact: f}}}
milestones:
  - {id: greeted, title: Said, week: 1, needs: [greet], accept: ["steps.greet.outputs.n > 0"]}
  - {id: filed, week: 2, needs: [file]}
"""


@dataclass
class Machine:
    """The command line with everything outside replaced."""

    folder: Path
    store: MemoryStore = field(default_factory=MemoryStore)
    cloud: FakeCloud = field(default_factory=FakeCloud)
    needed: list[bool] = field(default_factory=list)
    faults: list[BoxError] = field(default_factory=list)

    def spec(self, text):
        path = self.folder / "spec.yaml"
        path.write_text(text)
        return str(path)

    def run(self, text, *arguments, **more):
        words = ["run", self.spec(text), "--state", str(self.folder / "state"), *arguments]
        return CliRunner().invoke(app, words, **more)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    made = Machine(tmp_path)

    @asynccontextmanager
    async def providers(environ, *, needed=True, **_):
        made.needed.append(needed)
        facts = {"webcontainer": Fact(False, "it is not part of this build"), "e2b": Fact(True, "a fake")}
        yield wiring.Provision({"e2b": FakeSandbox(made.cloud, made.faults, provider="e2b")}, facts, "boxes: fakes")

    monkeypatch.setattr(wiring, "open_store", lambda state: made.store)
    monkeypatch.setattr(wiring, "open_providers", providers)
    yield made
    assert not made.cloud.boxes, "a box outlived its run"


def test_a_run_tells_its_story_and_where_to_look_next(machine):
    result = machine.run(HELLO, "-i", "who=bob")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "engine: local (with Prefect: `runner up`, then --engine prefect)"
    assert lines[1] == "boxes: fakes"
    assert lines[2:7] == ["▸ greet", "  greet │ hello, bob", "✓ greet", "◆ milestone greeted reached", "▸ file"]
    assert any(line.startswith("greet  succeeded  1") for line in lines)
    assert any(line.startswith("greeted    reached  1") for line in lines)
    assert any(line.startswith("file/f    1") for line in lines)
    assert lines[-1].startswith("next: runner logs 20")
    assert f"--state {machine.folder / 'state'}" in lines[-1]
    assert "runner audit verify 20" in lines[-1]


def test_json_is_one_document_and_events_come_before_it(machine):
    result = machine.run(HELLO, "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["run"]["state"] == "succeeded"
    assert [step["key"] for step in document["steps"]] == ["greet", "file"]
    assert document["milestones"][0]["state"] == "reached"
    assert document["artifacts"][0]["files"] == 1
    *events, last = machine.run(HELLO, "--json", "--events").stdout.splitlines()
    assert json.loads(events[0])["type"] == "run.created"
    assert json.loads(events[-1])["type"] == "run.succeeded"
    assert json.loads(last)["run"]["state"] == "succeeded"


def test_events_alone_make_no_sense(machine):
    assert isinstance(machine.run(HELLO, "--events").exception, UsageError)


def test_quiet_shows_only_the_end(machine):
    lines = machine.run(HELLO, "--quiet").output.splitlines()
    assert not any("hello, world" in line for line in lines)
    assert any(line.startswith("run 20") for line in lines)


def test_a_failed_run_is_exit_code_1_and_points_at_the_step(machine):
    result = machine.run(
        "spec: 1\nname: bad\nsteps: {a: {run: 'echo boom >&2; exit 3'}, b: {after: [a], run: 'true'}}\n"
    )
    assert result.exit_code == 1
    assert "✗ a: exit code 3: boom" in result.output
    assert "- b: a failed" in result.output
    run = result.output.split("run 20")[1].split()[0]
    assert f"next: runner logs 20{run} a " in result.output


def test_a_run_that_failed_for_want_of_boxes_alone_is_exit_code_4(machine):
    machine.faults += [declared_fault("provider_offline")] * 2
    both = (
        "spec: 1\nname: none\nsandboxes: {s: {needs: {runtime: shell}, scope: step}}\n"
        "steps: {a: {sandbox: s, run: 'true'}, b: {sandbox: s, run: '%s'}}\n"
    )
    result = machine.run(both % "true")
    assert result.exit_code == 4
    assert "✗ a: " in result.output
    machine.faults[1:] = []
    assert machine.run(both % "exit 1").exit_code == 1


def test_a_spec_with_errors_is_shown_and_not_run(machine):
    result = machine.run("spec: 1\nname: bad\nsteps: {a: {rum: echo}}\n")
    assert isinstance(result.exception, SpecError)
    assert "rum" in result.stderr
    assert "^" in result.stderr
    assert "nothing was run" in result.exception.message
    assert machine.needed == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-i", "times=many"], "input `times`"),
        (["-i", "whom=bob"], "there is no input `whom`"),
        (["-i", "who"], "is not `name=value`"),
    ],
)
def test_inputs_that_do_not_fit_are_bad_usage(machine, arguments, words):
    error = machine.run(HELLO, *arguments).exception
    assert isinstance(error, UsageError)
    assert words in error.message


def test_a_file_that_is_not_there(tmp_path):
    error = CliRunner().invoke(app, ["run", str(tmp_path / "no.yaml")]).exception
    assert isinstance(error, UsageError)
    assert "no such file" in error.message


def test_a_spec_from_standard_input(machine, tmp_path):
    words = ["run", "-", "--state", str(tmp_path / "state"), "--json"]
    result = CliRunner().invoke(app, words, input=HELLO)
    assert json.loads(result.stdout)["run"]["spec"] == "<stdin>"


def test_steps_that_cannot_run_yet_start_nothing(machine):
    result = machine.run("spec: 1\nname: x\nsteps: {gate: {tool: {name: files.read}}}\n")
    assert isinstance(result.exception, SpecError)
    assert "spec.yaml:3:9: gate: kind `tool`" in result.exception.message
    assert machine.needed == []


def test_secrets_that_are_not_set_start_nothing(machine):
    text = "spec: 1\nname: x\nsecrets: {token: {env: NO_SUCH_TOKEN}}\n"
    text += "steps: {a: {run: 'echo $T', env: {T: '${{ secrets.token }}'}}}\n"
    error = machine.run(text).exception
    assert isinstance(error, UsageError)
    assert "NO_SUCH_TOKEN (secret token)" in error.message
    assert machine.needed == []


def test_secrets_come_from_the_environment_and_are_masked(machine, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "canary-1234")
    text = "spec: 1\nname: x\nsecrets: {token: {env: MY_TOKEN}}\n"
    text += "steps: {a: {run: 'echo it is $T; [ ${#T} = 11 ]', env: {T: '${{ secrets.token }}'}}}\n"
    result = machine.run(text)
    assert result.exit_code == 0
    assert "it is ***" in result.output
    assert "canary-1234" not in result.output


def test_ctrl_c_stops_the_run_with_exit_code_130(machine, monkeypatch):
    from runner.cli.progress import Lines

    show = Lines.text

    def press(self, key, stream, text):
        show(self, key, stream, text)
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Lines, "text", press)
    result = machine.run("spec: 1\nname: x\nsteps: {a: {run: 'echo begun; sleep 60'}, b: {after: [a], run: 'true'}}\n")
    assert result.exit_code == 130
    assert "stopping after Ctrl-C" in result.stderr
    assert "■ a: stopped by Ctrl-C" in result.output


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_run_when_nobody_hears_of_it(machine, monkeypatch, sent):
    from runner.cli.progress import Lines

    def gone(line="", *, err=False, nl=True):
        if err:
            raise BrokenPipeError

    monkeypatch.setattr("typer.echo", gone)
    monkeypatch.setattr(Lines, "text", lambda *_: os.kill(os.getpid(), sent))
    result = machine.run("spec: 1\nname: x\nsteps: {a: {run: 'echo begun; sleep 60'}}\n")
    assert result.exit_code == 130
    assert machine.cloud.boxes == {}


def test_ctrl_c_before_anything_started(machine, monkeypatch):
    @asynccontextmanager
    async def providers(environ, *, needed=True, **_):
        os.kill(os.getpid(), signal.SIGINT)
        import asyncio

        await asyncio.sleep(30)
        yield

    monkeypatch.setattr(wiring, "open_providers", providers)
    assert machine.run(HELLO).exit_code == 130


def test_a_store_that_fails_is_told_and_leaves_no_box(machine):
    commit = machine.store.commit

    async def full(run, changes, events):
        if any(event.type == "box.created" for event in events):
            raise StoreFull("no space left for the store")
        return await commit(run, changes, events)

    machine.store.commit = full
    assert isinstance(machine.run(HELLO).exception, StoreFull)


def test_a_retry_is_told(machine):
    retry = "retry: {attempts: 2, delay: 10ms, jitter: 0}"
    text = "spec: 1\nname: x\nsteps: {a: {run: 'echo x >> t; [ $(wc -l < t) = 2 ]', " + retry + "}}\n"
    result = machine.run(text)
    assert "↻ a: exit code 1; again in 0.01 s" in result.output
    assert "▸ a (attempt 2)" in result.output
    assert result.exit_code == 0


def test_prefect_without_a_server_is_told_with_the_remedy(machine):
    error = machine.run(HELLO, "--engine", "prefect").exception
    assert isinstance(error, EngineUnavailable)
    assert "runner up" in error.hint
    assert error.exit_code == 4


def test_the_table_on_a_terminal_is_wiped_away_at_the_end(machine, monkeypatch):
    from runner.cli import progress
    from runner.cli.run import make_progress

    monkeypatch.setattr(
        "runner.cli.run.make_progress", lambda title, state, *, quiet, terminal: progress.LiveTable(title)
    )
    assert isinstance(make_progress("t", quiet=False, terminal=True), progress.LiveTable)
    result = machine.run(HELLO)
    assert result.exit_code == 0
    assert "run 20" in result.output


def test_a_workflow_below_is_checked_with_the_settings_of_the_project(machine):
    (machine.folder / "child.yaml").write_text("spec: 1\nname: child\nsteps: {a: {if: 1 > 2, run: echo}}\n")
    text = "spec: 1\nname: parent\nsteps: {go: {workflow: child.yaml}}\n"
    refused = machine.run(text)
    assert isinstance(refused.exception, SpecError)
    (machine.folder / "runner.toml").write_text('[checks]\nexpression-constant = "off"\n')
    done = machine.run(text, "--json")
    assert json.loads(done.stdout)["run"]["state"] == "succeeded", done.output
    assert machine.needed == [True]


def test_progress_names_the_steps_of_runs_below(machine):
    (machine.folder / "child.yaml").write_text("spec: 1\nname: child\nsteps: {a: {run: echo below}}\n")
    done = machine.run("spec: 1\nname: parent\nsteps: {go: {workflow: child.yaml}}\n")
    assert "  go/a │ below\n" in done.stdout
    assert "✓ go/a\n✓ go\n" in done.stdout


def test_only_runs_that_can_be_gone_on_with_keep_their_boxes(machine):
    import asyncio

    from runner.cli.run import _resumable
    from runner.run.ports import Change

    async def main():
        await machine.store.open()
        for run, state in (("r1", "running"), ("r2", "paused"), ("r3", "failed")):
            await machine.store.commit(run, [Change("run", run, 0, {"state": state})], [])
        opened = asyncio.get_running_loop().create_future()
        opened.set_result(None)
        resumable = _resumable(machine.store, opened)
        return [await resumable(run) for run in ("r1", "r2", "r3", "unknown")]

    assert asyncio.run(main()) == [True, True, False, False]
