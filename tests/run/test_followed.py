"""What follows from events: attempts and questions, as the journal keeps them beside the legs."""

from __future__ import annotations

import asyncio

from runner.run.event import EventDraft
from runner.run.followed import followed
from runner.run.stored import Edge
from runner.run.version import version_of

TS = "2026-01-31T12:00:00.000000Z"
HEAD = """
spec: 1
name: lab
sandboxes: {own: {needs: {runtime: shell}}}
"""
SPEC = HEAD + """
steps:
  make: {sandbox: own, run: 'echo x > f', matrix: {n: [1, 2]}, outputs: {f: {artifact: f}}}
  take: {sandbox: own, after: [make], run: 'echo ${{ steps.make.outputs.f[0] }}; test $RUNNER_ATTEMPT = 2',
         retry: {attempts: 2, delay: 1s}}
  gate: {after: [take], approve: {prompt: Ship it?, timeout: 1m, on_timeout: approve}}
"""  # fmt: skip


def records(lab, run, table):
    return {record.key: record.data for record in asyncio.run(lab.store.all(run, table))}


def test_each_attempt_is_kept_with_where_it_ran_and_how_it_ended(lab):
    done = lab.play(SPEC)
    attempts = records(lab, done.report.run, "attempt")
    assert list(attempts) == ["make[n=1]#1", "make[n=2]#1", "take#1", "take#2"]
    first, second = attempts["take#1"], attempts["take#2"]
    assert (first["state"], first["exit_code"], first["error_class"]) == ("failed", 1, "exit")
    assert (second["state"], second["exit_code"], second["message"]) == ("succeeded", 0, "")
    assert first["box"] == second["box"] == done.step("take")["box"]
    assert first["began_at"] <= first["ended_at"] < second["began_at"]
    assert sum(each["usd"] for each in (first, second)) == done.step("take")["usd"]


def test_each_question_is_kept_with_its_answer(lab):
    done = lab.play(SPEC)
    [(key, question)] = records(lab, done.report.run, "approval").items()
    assert (key, question["step"], question["prompt"]) == ("gate/approve-1", "gate", "Ship it?")
    assert question["asked_at"] < question["until"] == question["decision"]["at"]
    assert (question["decision"]["decision"], question["decision"]["by"]) == ("approve", None)


def test_what_a_step_was_handed_is_in_the_graph(lab):
    done = lab.play(SPEC)
    run, box = done.report.run, done.step("take")["box"]
    made = [Edge("produced", f"make[n={n}]", f"make[n={n}]/f") for n in (1, 2)]
    handed = [Edge("consumed", f"make[n={n}]/f", "take") for n in (1, 2)]
    assert asyncio.run(lab.store.edges(run)) == sorted([*made, *handed, Edge("used", run, box)])
    lineage = asyncio.run(lab.store.lineage(run, "artifact", "make[n=1]/f"))
    assert (lineage.upstream, lineage.downstream) == ((made[0],), (handed[0],))
    assert [event.data for event in done.of("step.started") if event.step == "take"] == [
        {"consumed": ["make[n=1]/f", "make[n=2]/f"]}
    ] * 2


def test_runs_of_one_spec_share_its_version_whatever_their_inputs(lab):
    text = HEAD + "inputs: {n: {type: integer, default: 1}}\nsteps: {a: {sandbox: own, run: 'true'}}"
    runs = [lab.play(text, {"n": n}).report for n in (1, 2)]
    other = lab.play(text.replace("'true'", "'false'")).report
    found = {record.key: record.data for record in asyncio.run(lab.store.workflows())}
    assert {run.document["workflow"] for run in runs} | {other.document["workflow"]} == found.keys()
    assert len(found) == 2
    seen = found[runs[0].document["workflow"]]
    assert (seen["name"], seen["path"]) == ("lab", "lab.yaml")
    assert (seen["plan_digest"], seen["first_seen"]) == (
        runs[0].document["plan_digest"],
        runs[0].document["created_at"],
    )


def test_a_spec_below_makes_another_version_when_it_changes(lab):
    text = "spec: 1\nname: lab\nsteps: {a: {workflow: below.yaml}}"
    below = "spec: 1\nname: below\nsteps: {b: {run: 'true'}}"
    plans = [lab.planned(text, files={"below.yaml": each}) for each in (below, below + "\n", below)]
    first, changed, again = (version_of(plan, TS)[0] for plan in plans)
    assert first == again != changed


def told(fact, **documents):
    def find(table, key):
        return documents.get(f"{table}_{key}")

    return list(followed(fact, find))


def test_an_attempt_that_is_over_stays_as_it_ended():
    stopped = EventDraft("step.cancelled", TS, "a", 1, {"reason": "stopped"})
    over = {"state": "failed", "ended_at": TS}
    assert told(stopped, **{"attempt_a#1": over}) == []
    assert told(stopped, **{"attempt_a#1": {"ended_at": None}}) == [
        ("attempt", "a#1", {"state": "cancelled", "message": "stopped", "ended_at": TS})
    ]


def test_an_event_that_names_no_attempt_is_about_the_last_one():
    paused = EventDraft("step.paused", TS, "a", None, {"reason": "wait"})
    found = told(paused, step_a={"attempt": 2}, **{"attempt_a#2": {"ended_at": None}})
    assert found == [("attempt", "a#2", {"state": "paused", "message": "wait", "ended_at": TS})]
    assert told(paused) == []


def test_a_result_of_an_earlier_run_is_told_of_its_attempt():
    cached = EventDraft("step.cached", TS, "a", 1, {"run": "r0", "leg": "b", "key": "k"})
    assert told(cached, **{"attempt_a#1": {"ended_at": None}}) == [
        ("attempt", "a#1", {"cached": {"run": "r0", "leg": "b"}})
    ]
