"""`runner approve`, `reject`, `cancel`, `pause`: what is kept for a run, and what cannot be asked of it."""

from __future__ import annotations

import asyncio
import json
import shlex
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runner.cli import asking
from runner.cli.main import app
from runner.cli.printed import command, completed
from runner.errors import UsageError
from runner.run.event import EventDraft
from runner.run.owner import owner
from runner.run.ports import Change, Record
from runner.run.requests import Inbox
from runner.run.stored import Lease

TS = "2026-01-31T12:00:00.000000Z"
DEAD = {"pid": 2**22 + 1, "host": owner()["host"], "boot": owner()["boot"]}
FORM = {"reason": {"type": "string"}, "n": {"type": "integer", "default": 3}}


def document(state="running", **more):
    return {"name": "it", "spec": "it.yaml", "created_at": TS, "engine": "local", "state": state, "owner": DEAD, **more}


def leg(key, state="succeeded", **more):
    return {"step": key.partition("[")[0], "leg": key, "state": state, **more}


def gate(key="gate", until="2999-01-01T00:00:00.000000Z", form=FORM):
    asked = {"question": "approve-1", "about": "approve", "prompt": f"Ship\nby {key}?", "form": form, "owner": "lead"}
    return leg(key, "paused", approval={**asked, "until": until, "on_timeout": "reject", "decision": None})


def refused(result):
    assert isinstance(result.exception, UsageError), result.output
    return result.exception


def test_an_answer_is_kept_for_a_run_that_no_process_runs(empty):
    empty.put("r1", document(), [leg("build"), gate()])
    result = empty.runner("approve", "r1", "-i", "reason=fine", "--comment", "go", "--json")
    assert json.loads(result.stdout) == {"run": "r1", "step": "gate", "decision": "approve", "taken": False}
    (request,) = Inbox(empty.state, "r1").waiting()
    assert (request.step, request.question, request.comment) == ("gate", "approve-1", "go")
    assert request.values == {"reason": "fine", "n": 3}
    again = refused(empty.runner("reject", "r1", "gate", "--comment", "no"))
    assert again.message == f"{request.by} has answered gate already (approve)"
    assert "runner resume r1" in again.hint


def test_a_rejection_needs_a_comment_and_no_form(empty):
    empty.put("r1", document("paused"), [gate()])
    assert empty.runner("reject", "r1").exit_code == 2
    assert "rejected; kept" in empty.runner("reject", "r1", "--comment", "no").stdout
    (request,) = Inbox(empty.state, "r1").waiting()
    assert (request.action, request.values) == ("reject", {})


def test_everything_that_is_wrong_with_a_form_is_said_at_once(empty):
    empty.put("r1", document(), [gate()])
    error = refused(empty.runner("approve", "r1", "-i", "n=0.5", "-i", "raeson=x"))
    assert "field `n`: 0.5 is of type number, not `integer`" in error.message
    assert "no field `raeson`; did you mean `reason`?" in error.message
    assert "field `reason` is missing" in error.message
    assert not Inbox(empty.state, "r1").waiting()


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("r1",), "run r1 asks 2 things:\n  gate[n=1]: Ship by gate[n=1]?\n  gate[n=2]: Ship by gate[n=2]?", "Name"),
        (("r1", "gate"), "run r1 asks 2 things", "Name"),
        (("r1", "build"), "step build of run r1 asks nothing: it is succeeded", "It asks: gate[n=1], gate[n=2]."),
        (("r1", "bulid"), "run r1 has no step 'bulid'", "Did you mean build?"),
        (("r2",), "run r2 asks nothing now", "runner status r2"),
        (("r2", "build"), "step build of run r2 asks nothing: it is running", "It asks nothing now."),
        (("r3",), "run r3 has ended: it was cancelled", "runner status r3"),
        (("r4",), "run r4 belongs to a step of run r2", "Ask that one: r2."),
        (("r5",), "the time to answer gate was over", "runner resume r5"),
        (("zz",), "no run 'zz'", ""),
    ],
)
def test_what_cannot_be_answered(empty, words, message, hint):
    empty.put("r1", document(), [leg("build"), gate("gate[n=1]"), gate("gate[n=2]")])
    empty.put("r2", document(), [leg("build", "running")])
    empty.put("r3", document("cancelled"))
    empty.put("r4", document(parent={"run": "r2", "step": "go"}))
    empty.put("r5", document(), [gate(until=TS, form={})])
    error = refused(empty.runner("approve", *words))
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize("key", ["gate", "gate[place=a b's]", "gate[place=\n]"])
def test_the_command_that_is_shown_answers_as_it_stands(empty, key):
    empty.put("r1", document("paused"), [leg("build"), gate(key, form={"n": FORM["n"]})])
    told = json.loads(empty.runner("status", "r1", "--json").stdout)["run"]["asks"][0]["answer"]
    assert told in empty.runner("status", "r1").stdout
    words = shlex.split(told)
    assert words[0] == "runner"
    result = CliRunner().invoke(app, words[1:])
    assert "approved; kept" in result.stdout, result.output
    assert [request.step for request in Inbox(empty.state, "r1").waiting()] == [key]
    assert shlex.split(result.stdout.rpartition("runner ")[2]) == ["resume", "r1", "--state", str(empty.state)]


def test_a_field_that_has_to_be_filled_in_is_named_by_the_command(empty):
    empty.put("r1", document("paused"), [gate()])
    assert "runner approve r1 gate --state " in (shown := empty.runner("status", "r1").stdout)
    assert " -i reason=…\n" in shown
    assert " -i n=" not in shown


def test_a_question_of_a_run_below_is_answered_by_way_of_the_run_above(empty):
    empty.put("r1", document(), [leg("go", "running", child="r2")])
    empty.put("r2", document(parent={"run": "r1", "step": "go"}), [gate(form={})])
    shown = empty.runner("status", "r1").stdout
    assert "go/gate waits for a decision of lead: Ship by gate? (until 2999-01-01" in shown
    assert "runner approve r1 go/gate" in shown
    assert empty.runner("approve", "r1", "go/gate").exit_code == 0
    assert [request.step for request in Inbox(empty.state, "r2").waiting()] == ["gate"]


def taking(empty, run):
    """Somebody who takes the run's request, as its process would."""

    def take():
        inbox = Inbox(empty.state, run)
        while not (found := inbox.waiting()):
            time.sleep(0.01)
        inbox.remove(found[0])

    thread = threading.Thread(target=take)
    thread.start()
    return thread


def test_a_run_that_goes_on_takes_what_is_asked(empty):
    empty.put("r1", document(owner=owner()), [gate(form={})])
    for words, said in (
        (("approve", "r1"), "gate of run r1: approved\n"),
        (("cancel", "r1", "--reason", "late"), "run r1 is being stopped\n"),
        (("pause", "r1"), f"run r1 begins nothing new; go on with it: {command(empty.state, 'resume', 'r1')}\n"),
    ):
        thread = taking(empty, "r1")
        result = empty.runner(*words)
        thread.join()
        assert (result.exit_code, result.stdout) == (0, said)


def test_what_the_run_refuses_is_told_with_its_reason(empty, monkeypatch):
    empty.put("r1", document(owner=owner()), [gate(form={})])
    monkeypatch.setattr(asking, "new_id", lambda: "0001")
    told = {"request": "0001", "action": "approve", "by": "ada", "at": TS, "comment": "", "reason": "it is too late"}
    asyncio.run(empty.commit("r1", [], [EventDraft("request.refused", TS, "gate", data=told)]))
    thread = taking(empty, "r1")
    error = refused(empty.runner("approve", "r1"))
    thread.join()
    assert error.message == "run r1 refused this: it is too late"


@pytest.mark.parametrize("ended", [False, True])
def test_a_run_that_does_not_take_it(empty, monkeypatch, ended):
    monkeypatch.setattr(asking, "PATIENCE", 0.0)
    empty.put("r1", document(owner=owner()), [gate(form={})])
    if ended:
        wait = asking._wait_for

        def over(inbox, wish):
            wait(inbox, wish)
            data = document("failed", id="r1")
            asyncio.run(empty.commit("r1", [Change("run", "r1", 1, data)], []))

        monkeypatch.setattr(asking, "_wait_for", over)
        assert "run r1 ended before it could take this" in refused(empty.runner("cancel", "r1")).message
        assert not Inbox(empty.state, "r1").waiting()
    else:
        result = empty.runner("cancel", "r1")
        assert "is to be stopped; kept: the process that runs it has not taken it yet, and will" in result.stdout
        assert [request.action for request in Inbox(empty.state, "r1").waiting()] == ["cancel"]


def test_a_process_of_another_machine_is_there_as_long_as_its_lease_lasts():
    elsewhere = {"pid": 1, "host": "another", "boot": "another"}
    run = Record("r1", 1, document(owner=elsewhere))
    assert asking.Subject(run, Lease("them", 12.0)).is_run
    assert not asking.Subject(run, Lease("them", -1.0)).is_run
    assert asking.Subject(run, None).is_run, "nobody can tell"
    assert not asking.Subject(Record("r1", 1, document("paused", owner=elsewhere)), Lease("them", 12.0)).is_run


def test_a_run_that_is_cut_off_is_cancelled_when_it_is_gone_on_with(empty):
    empty.put("r1", document())
    assert "to be stopped; kept: no process runs it now" in empty.runner("cancel", "r1").stdout
    (request,) = Inbox(empty.state, "r1").waiting()
    assert request.action == "cancel"


@pytest.mark.parametrize(("state", "words"), [("paused", "it is paused"), ("running", "its process is gone")])
def test_only_a_run_that_goes_on_can_be_paused(empty, state, words):
    empty.put("r1", document(state))
    error = refused(empty.runner("pause", "r1"))
    assert error.message == f"no process runs run r1: {words}"
    assert "runner resume r1" in error.hint


@pytest.mark.parametrize(
    ("hint", "with_the_folder"),
    [
        ("runner status r1", "runner status r1 --state 'a b'"),
        ("Go on with that one: runner resume r1.", "Go on with that one: runner resume r1 --state 'a b'."),
        ("`runner rerun r1 --from x`, or --failed.", "`runner rerun r1 --from x --state 'a b'`, or --failed."),
        ("runner resume r1 --state c", "runner resume r1 --state c"),
        ("Fetch it once: runner audit setup-semantic", "Fetch it once: runner audit setup-semantic"),
        ("Look at the state of the runner status page.", "Look at the state of the runner status page."),
        ("", ""),
    ],
)
def test_hints_name_the_folder_in_the_commands_that_need_it(hint, with_the_folder):
    assert completed(hint, Path("a b")) == with_the_folder
    assert completed(hint, Path(".runner")) == hint


def test_what_an_error_advises_works_as_it_stands(empty):
    empty.put("r1", document("succeeded"), [leg("build", child="r2")])
    error = refused(empty.runner("logs", "r1", "build"))
    assert error.hint == f"See `{command(empty.state, 'logs', 'r2')}`."
    error = refused(empty.runner("snapshot", "list", "r9"))
    assert f"`{command(empty.state, 'status')}`" in error.hint
