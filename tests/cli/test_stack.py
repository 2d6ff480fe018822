"""The stack of `runner up --all` without its services: what belongs to it, and how one service is kept."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from runner.cli.stack import keeper, record, services, shown, weaviate
from runner.cli.stack.keeper import Keeper, Patience, Service
from runner.cli.stack.output import Output
from runner.cli.stack.record import Part, Private, Stack
from runner.cli.stack.services import Wishes, planned
from runner.embedded.e2b.folders import keys
from runner.errors import EngineUnavailable, UsageError
from runner.flow import server
from runner.run.owner import start_ticks

HURRIED = Patience(
    start=5.0, silence=5.0, ask=0.0, asks=3, gap=4.0, first=1.0, longest=3.0, tries=3, lasts=60.0, grace=0.2
)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Callable[..., tuple[Keeper, list[str]]]]:
    """Keep a shell command; everything is ended afterwards."""
    made: list[Keeper] = []

    def keep(
        text: str, well: Callable[[], bool] | None = None, after: tuple[str, ...] = (), **more: Any
    ) -> tuple[Keeper, list[str]]:
        told: list[str] = []
        log = tmp_path / "logs" / "box.log"
        is_well = well or (lambda: "ready" in log.read_text())
        environ = {"PATH": os.environ["PATH"]}
        service = Service("box", ("sh", "-c", text), environ, is_well, after=after, **more)
        made.append(Keeper(service, Output(log), told.append, HURRIED))
        return made[-1], told

    yield keep
    for each in made:
        each.tell_to_end()
        each.wait()
        each.close()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def step(one: Keeper, now: float, state: str) -> Part:
    """Look at that time until it has come to that: the process itself takes real time."""
    deadline = time.monotonic() + 20
    while one.part.state != state:
        assert time.monotonic() < deadline, one.part
        one.step(now, set())
        time.sleep(0.01)
    return one.part


def test_a_service_is_healthy_when_it_says_so_and_comes_back_when_it_is_killed(kept) -> None:
    one, told = kept("echo ready; exec sleep 60")
    first = step(one, 0.0, "healthy")
    assert first.lives
    assert first.pid is not None

    os.kill(first.pid, 9)
    step(one, 1.0, "restarting")
    one.step(1.5, set())
    assert one.part.state == "restarting", "not before its pause is over"
    second = step(one, 2.5, "healthy")

    assert (second.pid != first.pid, second.restarts, second.why) == (True, 1, "")
    assert told[0] == "box ended with SIGKILL; it is started again in 1 s"
    assert told[1].startswith("box is healthy again")


def test_a_service_that_ends_again_and_again_has_failed_and_its_last_words_are_told(kept) -> None:
    one, told = kept("echo no such database >&2; exit 3")

    for now in (0.0, 10.0):
        step(one, now, "restarting")
        step(one, now + 5, "starting")
    part = step(one, 20.0, "failed")

    assert "ended with exit code 3, 3 times in a row; its log ends with:\n    no such database" in part.why
    assert [words.rpartition(" in ")[2] for words in told[:2]] == ["1 s", "2 s"]
    assert told[2].startswith("box has failed")
    one.step(1000.0, set())
    assert one.part.state == "failed"
    stack = Stack(1, 1, (part, Part("worker", "waiting"), Part("e2b", "healthy")))
    assert "no such database" in shown.table(stack)
    error = shown.failed(stack)
    assert error.exit_code == 4
    assert error.message.endswith(": box has failed; worker waits for another")
    assert part.log in error.hint


def test_ends_that_lie_far_apart_are_no_failure(kept) -> None:
    one, _ = kept("echo ready; exec sleep 60")
    for now in (0.0, 100.0, 200.0, 300.0):
        pid = step(one, now, "healthy").pid
        assert pid is not None
        os.kill(pid, 9)
        step(one, now + 70, "restarting")
    assert one.part.restarts == 3


def test_a_service_that_hangs_is_killed_with_all_of_its_group_and_started_again(kept, tmp_path: Path) -> None:
    answers, ended = True, []
    below = tmp_path / "below"
    one, told = kept(
        f"trap 'kill $!' TERM; sleep 60 & echo $! >{below}; wait", well=lambda: answers, hung=lambda: ended.append(1)
    )
    pid = step(one, 0.0, "healthy").pid
    until(lambda: below.exists() and below.read_text().endswith("\n"))
    child = int(below.read_text())
    assert start_ticks(child) is not None
    answers = False
    for number in (pid, child):
        os.kill(number, signal.SIGSTOP)

    one.step(4.0, set())
    assert (one.part.state, told) == ("healthy", []), "a moment of silence is forgiven"
    for _ in range(2):
        one.step(4.5, set())
    assert one.part.state == "healthy", "it is known, and not over yet"
    assert one.part.why.startswith("does not answer since 20")
    part = step(one, 6.0, "restarting")

    assert (start_ticks(pid), start_ticks(child), ended) == (None, None, [1])
    assert told == [
        "box does not answer; it is killed when that lasts for 5 s",
        "box did not answer for 5 s; it is started again in 1 s",
    ]
    answers = True
    part = step(one, 8.0, "healthy")
    assert (part.restarts, part.why, part.last) == (1, "", "did not answer for 5 s")
    assert part.since.startswith("20")


def test_a_service_that_was_only_slow_is_left_alone(kept) -> None:
    answers = True
    one, told = kept("exec sleep 60", well=lambda: answers)
    pid = step(one, 0.0, "healthy").pid
    answers = False
    for now in (1.0, 2.0, 3.0, 4.0):
        one.step(now, set())
    answers = True
    one.step(4.9, set())
    assert (one.part.state, one.part.pid, one.part.why) == ("healthy", pid, "")
    assert told[-1] == f"box is healthy again, process {pid}"
    answers = False
    for now in (5.0, 7.0, 9.0):
        one.step(now, set())
    assert one.part.pid == pid, "its silence begins anew"


def test_time_in_which_nobody_looked_is_no_silence(kept) -> None:
    """The machine slept for an hour, or the supervisor was stopped: whoever answers soon after is not killed."""
    answers = True
    one, _ = kept("exec sleep 60", well=lambda: answers)
    pid = step(one, 0.0, "healthy").pid
    answers = False
    for now in (3600.0, 3600.1, 3600.2, 3600.3):
        one.step(now, set())
    answers = True
    one.step(3601.0, set())
    assert (one.part.state, one.part.pid, one.part.restarts) == ("healthy", pid, 0)


BEATS = """
import asyncio, os, sys, time
from runner.cli.heartbeat import Heart

async def main():
    heart = Heart()
    assert "NOTIFY_SOCKET" not in os.environ and "WATCHDOG_USEC" not in os.environ
    async with heart.beating():
        await asyncio.sleep(1.0)
        heart.ready()
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_service_that_beats_is_healthy_once_it_is_ready_and_hung_when_it_is_silent(tmp_path: Path) -> None:
    told: list[str] = []
    environ = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    service = Service("box", (sys.executable, "-c", BEATS), environ, lambda: True, beats=True)
    patience = Patience(silence=4.0, ask=0.5, asks=3, first=0.1, grace=0.2)
    one = Keeper(service, Output(tmp_path / "box.log"), told.append, patience)

    def after(holds: Callable[[], bool]) -> None:
        def looked() -> bool:
            one.step(time.monotonic(), set())
            return holds()

        until(looked)

    try:
        began = time.monotonic()
        after(lambda: one.part.state == "healthy")
        assert time.monotonic() - began > 1.0, "not before it says so"
        first = one.part.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        after(lambda: one.part.state == "healthy" and one.part.pid != first)
        assert one.part.last == "did not answer for 4 s"
    finally:
        one.tell_to_end()
        one.wait()
        one.close()


def test_a_service_waits_for_those_that_it_needs_also_after_its_end(kept) -> None:
    one, _ = kept("echo ready; exec sleep 60", after=("prefect",))
    one.step(0.0, {"e2b"})
    assert one.part.state == "waiting"
    one.step(0.0, {"e2b", "prefect"})
    assert one.part.state == "starting"
    os.kill(one.part.pid, 9)
    step(one, 1.0, "restarting")
    one.step(9.0, set())
    assert one.part.state == "waiting"


def test_a_program_that_is_not_there_is_told_so(kept, tmp_path: Path) -> None:
    service = Service("none", (str(tmp_path / "none"),), {}, lambda: True)
    one = Keeper(service, Output(tmp_path / "log"), print, HURRIED)
    one.step(0.0, set())
    one.close()
    assert (one.part.state, one.part.why) == ("restarting", "cannot be started: No such file or directory")


def test_what_does_not_heed_the_signal_is_killed(kept) -> None:
    one, _ = kept("trap '' TERM; echo ready; while :; do sleep 0.1; done")
    pid = step(one, 0.0, "healthy").pid
    one.tell_to_end()
    one.wait()
    assert start_ticks(pid) is None


def test_only_the_very_process_that_was_remembered_is_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        ticks = start_ticks(process.pid)
        assert ticks is not None
        keeper.end(process.pid, ticks + 1, 0.1)
        assert process.poll() is None
        keeper.end(process.pid, ticks, 5.0)
        assert process.wait(5) == -15


# ---------------------------------------------------------------- what belongs to it


def plan_of(state: Path, environ: Mapping[str, str], private: Private | None = None, **wishes) -> services.Planned:
    return planned(Wishes(state, **wishes), {"PATH": "/bin", "HOME": str(state), **environ}, private or Private())


def test_all_services_lead_to_each_other_and_keys_are_only_in_environments(tmp_path: Path, monkeypatch) -> None:
    program = tmp_path / ".cache" / "runner" / "weaviate" / "v1.38.9" / "weaviate-server"
    for path in (program, program.parents[1] / "v1.38.11" / "weaviate-server"):
        path.parent.mkdir(parents=True)
        path.touch()
    monkeypatch.setattr(services, "find_spec", lambda name: name)

    plan = plan_of(tmp_path, {"DEPLOY_TOKEN": "of a spec"})

    assert [each.name for each in plan.services] == ["prefect", "e2b", "weaviate", "state", "worker"]
    assert plan.left_out == ()
    prefect, e2b, vectors, supervise, worker = plan.services
    assert vectors.command[0].endswith("v1.38.11/weaviate-server"), "the newest"
    assert vectors.environ["AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED"] == "false"
    exports = plan.private.exports
    for one in (supervise, worker):
        assert one.environ.items() >= exports.items()
        assert one.environ["DEPLOY_TOKEN"] == "of a spec"
    for one in (prefect, e2b, vectors):
        assert "DEPLOY_TOKEN" not in one.environ, "the secrets of runs are no business of servers"
    assert keys.load(tmp_path / "stack" / "e2b" / keys.FILE).holds(exports["E2B_API_KEY"])
    words = " ".join(word for one in plan.services for word in one.command)
    shown_to_all = repr(plan) + words
    assert exports["E2B_API_KEY"] not in shown_to_all
    assert exports["RUNNER_AUDIT_API_KEY"] not in shown_to_all
    ports = [int(port) for port in vectors.environ.values() if port.isdecimal() and len(port) == 5]
    assert len(set(ports)) == len(ports)


def test_the_next_start_has_the_same_ports_and_keys_also_where_its_exports_are_set(tmp_path: Path) -> None:
    first = plan_of(tmp_path, {})
    again = plan_of(tmp_path, first.private.exports, first.private)
    assert again.private == first.private
    assert [each.name for each in again.services] == [each.name for each in first.services]
    without = plan_of(tmp_path, first.private.exports, first.private, without=frozenset({"e2b"}))
    assert not {name for one in without.services for name in one.environ if name.startswith("E2B_")}
    third = plan_of(tmp_path, first.private.exports, without.private)
    assert third.private.exports == first.private.exports


@pytest.mark.parametrize(
    ("environ", "name", "why"),
    [
        ({"E2B_API_KEY": "e2b_hosted"}, "e2b", "E2B_API_KEY is set"),
        ({"E2B_API_URL": "http://127.0.0.1:1"}, "e2b", "E2B_API_URL is set"),
        ({"RUNNER_AUDIT_URL": "http://127.0.0.1:8080"}, "weaviate", "RUNNER_AUDIT_URL is set"),
    ],
)
def test_what_is_somewhere_else_is_left_out(tmp_path: Path, environ: dict[str, str], name: str, why: str) -> None:
    plan = plan_of(tmp_path, environ)
    part = next(each for each in plan.left_out if each.name == name)
    assert why in part.why
    assert "hosted" not in part.why


def test_weaviate_without_its_program_is_left_out(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(services, "find_spec", lambda name: name)
    plan = plan_of(tmp_path, {})
    assert [(each.name, "docs/stack.md" in each.why) for each in plan.left_out] == [("weaviate", True)]
    assert weaviate.program({"HOME": str(tmp_path), "PATH": str(tmp_path)}) is None


def test_a_state_elsewhere_needs_no_gateway_and_a_worker_needs_a_server(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"RUNNER_STATE_URL": "ws://127.0.0.1:1/rpc"}, without=frozenset({"prefect"}))
    supervise = next(each for each in plan.services if each.name == "state")
    assert "--gateway" not in supervise.command
    why = {each.name: each.why for each in plan.left_out}
    assert "not wanted" in why["prefect"]
    assert "no Prefect server" in why["worker"]
    led = plan_of(tmp_path, {"PREFECT_API_URL": "http://127.0.0.1:1/api"}, without=frozenset({"prefect"}))
    assert [each.after for each in led.services if each.name == "worker"] == [("state",)]


def test_without_prefect_the_remedy_is_told(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(services, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match="not installed") as error:
        plan_of(tmp_path, {})
    assert "--without prefect" in error.value.hint


# ---------------------------------------------------------------- what is remembered


def test_what_is_remembered_is_for_its_user_alone_and_read_again(tmp_path: Path) -> None:
    stack = Stack(os.getpid(), start_ticks(os.getpid()), (Part("e2b", "healthy", pid=1, ticks=2),))
    private = Private({"e2b": 4201}, {"e2b": "e2b_secret"}, {"E2B_API_KEY": "e2b_secret"}, {})
    with record.supervising(tmp_path) as is_ours, record.supervising(tmp_path) as another:
        assert (is_ours, another) == (True, False)
        record.write(tmp_path, stack)
        record.write_private(tmp_path, private)

    assert record.read(tmp_path) == stack
    assert stack.lives
    assert not stack.parts[0].lives
    assert record.read_private(tmp_path) == private
    assert stat.S_IMODE((record.folder(tmp_path) / "private.json").stat().st_mode) == 0o600
    assert "e2b_secret" not in (record.folder(tmp_path) / "stack.json").read_text() + repr(private)
    assert shown.exports(tmp_path) == private.exports
    record.forget(tmp_path)
    assert record.read(tmp_path) is None
    with pytest.raises(UsageError, match="is up"):
        shown.exports(tmp_path)


@pytest.mark.parametrize(
    ("states", "is_settled"),
    [
        (["healthy", "left out"], True),
        (["healthy", "starting"], False),
        (["healthy", "waiting"], False),
        (["failed", "waiting"], True),
        (["failed", "restarting"], False),
        ([], False),
    ],
)
def test_a_stack_is_settled_when_nothing_more_will_come_of_it(states: list[record.State], is_settled: bool) -> None:
    assert Stack(1, 1, tuple(Part(str(index), state) for index, state in enumerate(states))).is_settled is is_settled


def test_values_for_a_shell_are_quoted() -> None:
    values = {"RUNNER_STATE": "/a b/c"}
    assert shown.lines(values, as_json=False) == "export RUNNER_STATE='/a b/c'"
    assert json.loads(shown.lines(values, as_json=True)) == values


def test_a_server_alone_can_be_led_to(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(server, "running", lambda _state: server.record_of(os.getpid(), 4299))
    assert shown.exports(tmp_path)["PREFECT_API_URL"] == "http://127.0.0.1:4299/api"
