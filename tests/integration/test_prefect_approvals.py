"""Approvals in Prefect's pages: the form behind Resume, and that it is one way among others to answer a run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.prefect_api import ask, ask_until
from tests.prefect_browser import choose

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SHIP = """\
spec: 1
name: ship
steps:
  gate:
    title: Ship it
    owner: lead
    approve:
      prompt: "Ship ${{ run.name }}?"
      form:
        share: {type: integer, minimum: 1, maximum: 100, default: 10}
        ring: {type: string, enum: [canary, all]}
  beside: {run: echo beside}
  more: {after: [beside], run: echo more}
  last: {after: [gate], run: 'echo "${{ steps.gate.outputs.ring }}"'}
agents: {lead: {title: Lead, human: true}}
outputs: {share: {value: "${{ steps.gate.outputs.share }}"}, ring: {value: "${{ steps.gate.outputs.ring }}"}}
"""


class Runner:
    """`runner` with a state folder of its own, and the pages of the server that its runs are shown on."""

    def __init__(self, folder: Path, api: str) -> None:
        self.folder = folder
        self.api = api
        self.ui = api.removesuffix("/api")
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *words: str) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("E2B_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "runner", *words, "--state", "state"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**environment, "PYTHONUNBUFFERED": "1", "PREFECT_API_URL": self.api},
            cwd=self.folder,
        )
        self.started.append(process)
        return process

    def __call__(self, *words: str) -> tuple[int, str]:
        return ended(self.start(*words))

    def run(self, spec: str) -> subprocess.Popen[str]:
        (self.folder / "spec.yaml").write_text(spec)
        return self.start("run", "spec.yaml", "--engine", "prefect")

    def status(self) -> dict[str, Any]:
        """What `runner status` says of the newest run; nothing before there is one."""
        text = self("status", "last", "--json")[1]
        found: dict[str, Any] = json.loads(text) if text.startswith("{") else {}
        return found

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The status as soon as that holds."""
        end = time.monotonic() + 90
        while time.monotonic() < end:
            if (found := self.status()) and holds(found):
                return found
            time.sleep(0.5)
        raise AssertionError(self("status", "last")[1])

    def asking(self, *steps: str) -> dict[str, Any]:
        """The status as soon as the run asks exactly that."""
        return self.until(lambda found: [each["step"] for each in found["run"]["asks"]] == [*steps])

    def question(self, run: str, path: str, state: str = "PAUSED") -> dict[str, Any]:
        """The flow run of a question, as soon as it is in that state."""
        body = {"flow_runs": {"name": {"any_": [f"{run} {path}"]}}}

        def fits(found: list[dict[str, Any]]) -> bool:
            return len(found) == 1 and found[0]["state_type"] == state

        found: dict[str, Any] = ask_until(self.api, "/flow_runs/filter", body, fits, 90)[0]
        return found

    def form(self, question: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """The form's schema, and what stands above it: what the page asks for when Resume is pressed."""
        keys = question["state"]["state_details"]["run_input_keyset"]
        found = [ask(self.api, f"/flow_runs/{question['id']}/input/{keys[each]}") for each in ("schema", "description")]
        return found[0], found[1]

    def resume(self, question: dict[str, Any], **filled_in: Any) -> str:
        """Submit the form as the page does; what the server made of it."""
        answer = ask(self.api, f"/flow_runs/{question['id']}/resume", {"run_input": filled_in})
        return str(answer["status"])


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, _ = process.communicate(timeout=120)
    return process.returncode, out


def leg(found: dict[str, Any], key: str) -> dict[str, Any]:
    return next(step for step in found["steps"] if step["key"] == key)


@pytest.fixture
def runner(tmp_path: Path, prefect_api: str) -> Iterator[Runner]:
    made = Runner(tmp_path, prefect_api)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_a_person_approves_in_the_browser_while_the_rest_of_the_run_goes_on(runner: Runner, page: Any) -> None:
    running = runner.run(SHIP)
    found = runner.until(lambda found: leg(found, "more")["state"] == "succeeded")
    assert leg(found, "gate")["state"] == "paused"
    run = found["run"]["id"]
    question = runner.question(run, "gate")
    above = ask(runner.api, "/flow_runs/filter", {"flow_runs": {"name": {"any_": [f"{run} ship"]}}})[0]
    page.goto(f"{runner.ui}/runs/flow-run/{above['id']}")
    page.locator("#subflow-runs").click()
    page.locator(f'#subflow-runs-content a[href*="{question["id"]}"]').first.click()
    page.get_by_role("button", name="Resume").click()
    form = page.locator(".p-modal__card")
    form.get_by_text("Ship ship?").wait_for()
    form.get_by_text("asked of lead").wait_for()
    fields = form.locator(".p-label")
    choose(page, fields.filter(has_text="Decision"), "approve")
    fields.filter(has_text="Your name").locator("textarea").fill("Ann")
    fields.filter(has_text="Comment").locator("textarea").fill("as agreed")
    choose(page, fields.filter(has_text="ring"), "canary")
    assert fields.filter(has_text="share").locator("input").input_value() == "10"
    fields.filter(has_text="share").locator("input").fill("25")
    form.get_by_role("button", name="Submit").click()
    form.wait_for(state="hidden")

    code, out = ended(running)

    assert code == 0, out
    found = runner.status()
    assert found["run"]["outputs"] == {"ring": "canary", "share": 25}
    assert leg(found, "gate")["message"] == "approved by Ann, in Prefect's pages: as agreed"
    closed = runner.question(run, "gate", "COMPLETED")
    assert (closed["state"]["name"], closed["state"]["message"]) == (
        "Approved",
        "by Ann, in Prefect's pages: as agreed",
    )
    graph = ask(runner.api, f"/flow_runs/{above['id']}/graph-v2")
    drawn = {node["label"]: {parent["id"] for parent in node["parents"]} for _, node in graph["nodes"]}
    assert drawn["last"] == {closed["id"]}, "what comes after the approval has no edge from it"
    assert f"approval / {run} gate" in drawn


def test_what_is_no_answer_is_told_above_the_form_which_is_shown_again(runner: Runner) -> None:
    running = runner.run(SHIP)
    run = runner.asking("gate")["run"]["id"]
    question = runner.question(run, "gate")
    schema, above = runner.form(question)
    shown = {name: {key: field.get(key) for key in ("enum", "minimum", "maximum", "default")} for name, field in
             schema["properties"].items() if name in ("decision", "share", "ring")}  # fmt: skip
    assert shown == {
        "decision": {"enum": ["approve", "reject"], "minimum": None, "maximum": None, "default": None},
        "share": {"enum": None, "minimum": 1, "maximum": 100, "default": 10},
        "ring": {"enum": ["canary", "all"], "minimum": None, "maximum": None, "default": None},
    }
    assert "Ship ship?" in above
    assert "it counts as rejected" in above

    # What the form rules out the server refuses by itself; the question stays as it is.
    assert runner.resume(question, decision="approve", answered_by="Ann", share=101, ring="all") == "REJECT"
    assert runner.resume(question, decision="maybe", answered_by="Ann") == "REJECT"
    assert runner.question(run, "gate")["state_id"] == question["state_id"]

    assert runner.resume(question, decision="approve", answered_by="Ann", share=20) == "ACCEPT"
    again = ask_until(
        runner.api,
        "/flow_runs/filter",
        {"flow_runs": {"id": {"any_": [question["id"]]}}},
        lambda found: found[0]["state_type"] == "PAUSED" and found[0]["state_id"] != question["state_id"],
    )[0]
    assert "field `ring` is missing" in again["state"]["message"]
    assert "field `ring` is missing" in runner.form(again)[1].replace("\\", "")
    assert leg(runner.status(), "gate")["state"] == "paused"

    assert runner.resume(again, decision="reject", answered_by="Bob", comment="too early") == "ACCEPT"
    code, out = ended(running)
    assert code == 1, out
    assert leg(runner.status(), "gate")["message"] == "rejected by Bob, in Prefect's pages: too early"
    assert runner.question(run, "gate", "FAILED")["state"]["name"] == "Rejected"


def test_an_answer_from_the_command_line_ends_the_question_in_the_pages(runner: Runner) -> None:
    running = runner.run(SHIP)
    run = runner.asking("gate")["run"]["id"]
    question = runner.question(run, "gate")

    code, out = runner("approve", "last", "-i", "ring=all")

    assert (code, ended(running)[0]) == (0, 0), out
    assert runner.question(run, "gate", "COMPLETED")["id"] == question["id"]
    assert runner.resume(question, decision="reject", answered_by="Ann", comment="no") == "ABORT"


def test_a_killed_run_keeps_its_question_and_takes_the_answer_that_came_meanwhile(runner: Runner) -> None:
    running = runner.run(SHIP)
    run = runner.until(lambda found: leg(found, "more")["state"] == "succeeded")["run"]["id"]
    question = runner.question(run, "gate")
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    again = runner.start("resume", run)
    body = {"flow_runs": {"name": {"any_": [f"{run} ship"]}}}
    ask_until(runner.api, "/flow_runs/filter", body, lambda found: len(found) == 2, 90)
    os.kill(again.pid, signal.SIGKILL)
    again.communicate()
    assert runner.question(run, "gate")["id"] == question["id"], "it is asked twice"

    assert runner.resume(question, decision="approve", answered_by="Ann", ring="all", share=5) == "ACCEPT"
    code, out = runner("resume", run)

    assert code == 0, out
    found = runner.status()
    assert found["run"]["outputs"] == {"ring": "all", "share": 5}
    assert leg(found, "gate")["message"] == "approved by Ann, in Prefect's pages"
    assert runner.question(run, "gate", "COMPLETED")["id"] == question["id"]


SOON = """\
spec: 1
name: soon
steps:
  gate: {approve: {prompt: Soon?, timeout: 6s, on_timeout: approve}}
  below: {workflow: inner.yaml}
"""
INNER = """\
spec: 1
name: inner
steps: {deep: {approve: {prompt: Deep?}}}
"""


def test_the_end_of_the_time_and_the_end_of_the_run_end_questions_and_runs_below_ask_too(runner: Runner) -> None:
    (runner.folder / "inner.yaml").write_text(INNER)
    running = runner.run(SOON)
    run = runner.until(lambda found: found["run"]["state"] == "running")["run"]["id"]
    expired = runner.question(run, "gate", "COMPLETED")
    assert (expired["state"]["name"], expired["state"]["message"]) == ("Approved", "nobody answered in time")
    body = {"flow_runs": {"name": {"like_": "below/deep"}}, "flows": {"name": {"any_": ["approval"]}}}
    deep = ask_until(runner.api, "/flow_runs/filter", body, bool, 90)[0]
    assert deep["state_type"] == "PAUSED"

    assert runner("cancel", run)[0] == 0
    assert ended(running)[0] != 0

    deep_body = {"flow_runs": {"id": {"any_": [deep["id"]]}}}
    ask_until(runner.api, "/flow_runs/filter", deep_body, lambda found: found[0]["state_type"] == "CANCELLED")
