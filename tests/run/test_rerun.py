"""A run that has ended is made again, in part: what runs anew, what is taken over, what is refused before it begins."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from runner.errors import StoreError, UsageError
from runner.run.execute import execute
from runner.run.interrupt import Control
from runner.run.kept import load
from runner.run.rerun import Choice, Rerun
from runner.run.snapshots import Snapshots
from runner.run.stored import Tombstone

HEAD = """
spec: 1
name: lab
sandboxes: {own: {needs: {runtime: shell}, scope: step}, one: {needs: {runtime: shell}}}
"""


class Again:
    """Runs of one plan in a laboratory; a file in its folder, which steps copy into their boxes, may change between
    them.
    """

    def __init__(self, lab, text, **more):
        self.lab = lab
        (lab.folder / "world").mkdir()
        self.plan = lab.planned(HEAD + text, **more)

    def world(self, **files):
        for name, text in files.items():
            (self.lab.folder / "world" / name).write_text(text)

    def begin(self, **more):
        return asyncio.run(self._live(None, (), **more))

    def again(self, before, mode="all", *names, **more):
        return asyncio.run(self._live(before, (mode, names), **more))

    def refused(self, before, mode, *names):
        runs = len(asyncio.run(self.lab.store.runs()))
        with pytest.raises(UsageError) as caught:
            asyncio.run(self._live(before, (mode, names)))
        assert len(asyncio.run(self.lab.store.runs())) == runs, "a refusal left something behind"
        return caught.value

    async def _live(self, before, choice, keep=False):
        lab = self.lab
        lab.clock.time += 1
        lab.control = Control()
        setup = replace(lab.setup(), snapshots=Snapshots(keep))
        if before is not None:
            run = Rerun(self.plan, await load(lab.store, before.report.run), lab.folder / "state")
            prior, begins = run.prepare(Choice(choice[0], choice[1]))
            setup = replace(setup, snapshots=Snapshots(keep, begins), prior=prior)
        await lab.store.open()
        lab.text.clear()
        report = await execute(self.plan, setup, lab.control)
        events = await lab.store.events(report.run)
        outcome = type_of_outcome(lab)(report, events)
        await lab.check(outcome)
        return outcome

    def ran(self, outcome):
        return sorted(event.step for event in outcome.of("step.started"))


def type_of_outcome(lab):
    return type(lab).live.__globals__["Outcome"]


CHAIN = """
steps:
  make:
    sandbox: own
    run: 'echo "n=41" >> "$RUNNER_OUTPUT"; echo text > page.txt'
    outputs: {n: {type: integer}, page: {artifact: page.txt}}
  use:
    sandbox: own
    files: {world: world}
    run: |
      cat world/ok
      cat ${{ steps.make.outputs.page }}/page.txt
      echo "sum=$((${{ steps.make.outputs.n }} + 1))" >> "$RUNNER_OUTPUT"
    outputs: {sum: {type: integer}}
  last: {sandbox: own, after: [use, make], run: echo end}
  other: {sandbox: own, run: echo other}
outputs: {sum: {value: "${{ steps.use.outputs.sum }}"}}
milestones: [{id: all, title: All, week: 1, needs: [use], accept: ["steps.use.outputs.sum == 42"]}]
finally: {sandbox: own, run: echo cleaned}
"""


@pytest.fixture
def chain(lab):
    again = Again(lab, CHAIN)
    again.world(other="")
    return again


def test_what_failed_is_made_again_with_what_came_after_it(chain):
    before = chain.begin()
    assert before.states == {
        "make": "succeeded", "use": "failed", "last": "skipped", "other": "succeeded", "finally": "succeeded",
    }  # fmt: skip
    chain.world(ok="mended")

    after = chain.again(before, "failed")

    assert after.state == "succeeded"
    assert chain.ran(after) == ["finally", "last", "use"]
    assert after.report.document["outputs"] == {"sum": 42}
    assert after.report.milestones["all"]["state"] == "reached"
    assert after.report.document["rerun_of"]["run"] == before.report.run
    assert after.step("make")["reused"]["run"] == before.report.run
    assert after.report.artifacts["make/page"]["digest"] == before.report.artifacts["make/page"]["digest"]
    assert [event.data["run"] for event in after.of("step.reused")] == [before.report.run] * 2


def test_from_a_step_makes_all_that_depends_on_it(chain):
    chain.world(ok="fine")
    before = chain.begin()
    assert chain.ran(chain.again(before, "from", "use")) == ["finally", "last", "use"]
    assert chain.ran(chain.again(before, "from", "make")) == ["finally", "last", "make", "use"]
    assert chain.ran(chain.again(before, "from", "finally")) == ["finally"]
    everything = chain.again(before)
    assert chain.ran(everything) == ["finally", "last", "make", "other", "use"]
    assert everything.report.document["rerun_of"]["mode"] == "all"


def test_only_a_step_leaves_out_what_comes_after_it(chain):
    chain.world(ok="fine")
    before = chain.begin()

    after = chain.again(before, "only", "use")

    assert after.state == "succeeded"
    assert chain.ran(after) == ["use"]
    assert after.states == {
        "make": "succeeded", "use": "succeeded", "last": "skipped", "other": "skipped", "finally": "skipped",
    }  # fmt: skip
    assert after.step("last")["message"] == "it was left out: only use was to be made again"
    assert chain.ran(chain.again(before, "only", "finally")) == ["finally"]


def test_a_run_that_was_made_again_can_be_made_again(chain):
    first = chain.begin()
    chain.world(ok="mended")
    second = chain.again(first, "failed")
    third = chain.again(second, "from", "last")
    assert chain.ran(third) == ["finally", "last"]
    assert third.report.document["outputs"] == {"sum": 42}


def test_what_is_outside_stays_as_it_was(lab):
    again = Again(lab, """
steps:
  bad: {sandbox: own, run: exit 3}
  may: {sandbox: own, run: exit 4, allow_failure: true}
  mend: {sandbox: own, if: "steps.bad.state == 'failed'", run: echo mended}
  after: {sandbox: own, after: [may], run: echo after}
""")  # fmt: skip
    before = again.begin()

    after = again.again(before, "from", "mend", "after")

    assert again.ran(after) == ["after", "mend"]
    assert after.states == {"bad": "failed", "may": "failed", "mend": "succeeded", "after": "succeeded"}
    assert after.state == "failed"
    assert "bad: exit code 3" in after.report.document["message"]


def test_legs_are_made_again_one_by_one(lab):
    again = Again(lab, """
steps:
  many: {sandbox: own, files: {world: world}, matrix: {n: [1, 2]}, run: 'test -e world/ok${{ matrix.n }}'}
  list: {sandbox: own, run: 'echo "n=[1,2]" >> "$RUNNER_OUTPUT"', outputs: {n: {type: array, items: {type: integer}}}}
  each:
    sandbox: own
    files: {world: world}
    for_each: "${{ steps.list.outputs.n }}"
    run: 'test -e world/ok${{ item }}; echo "twice=$((${{ item }} * 2))" >> "$RUNNER_OUTPUT"'
    outputs: {twice: {type: integer}}
outputs: {all: {value: "${{ steps.each.outputs.twice }}"}}
""")  # fmt: skip
    again.world(ok1="")
    before = again.begin()
    again.world(ok2="")

    after = again.again(before, "failed")

    assert again.ran(after) == ["each[1]", "many[n=2]"]
    assert after.report.document["outputs"] == {"all": [2, 4]}
    assert again.ran(again.again(after, "only", "many[n=1]")) == ["many[n=1]"]


def test_a_list_that_could_not_be_made_is_made_again(lab):
    again = Again(lab, """
steps:
  list: {sandbox: own, files: {world: world}, run: 'cat world/list >> "$RUNNER_OUTPUT"', outputs: {n: {type: array}}}
  each: {sandbox: own, for_each: {items: '${{ [steps.list.outputs.n[0]] }}'}, run: 'echo ${{ item }}'}
""")  # fmt: skip
    again.world(list="n=[]")
    before = again.begin()
    assert before.states["each"] == "failed"
    assert again.ran(again.again(before, "failed")) == []
    again.world(list="n=[1]")
    assert again.ran(again.again(before, "from", "list")) == ["each[0]", "list"]


def test_an_answer_is_taken_over(lab):
    again = Again(lab, """
steps:
  asked: {approve: {prompt: Go on?, timeout: 1ms, on_timeout: approve}}
  bad: {sandbox: own, after: [asked], run: exit 1}
""")  # fmt: skip
    before = again.begin()
    assert before.states == {"asked": "succeeded", "bad": "failed"}
    after = again.again(before, "failed")
    assert not after.of("approval.asked")
    assert after.states == before.states


def test_a_refusal_is_taken_over_too(lab):
    again = Again(lab, """
steps:
  asked: {approve: {prompt: Go on?, timeout: 1ms, on_timeout: reject}}
  alone: {sandbox: own, run: echo alone}
""")  # fmt: skip
    before = again.begin()
    after = again.again(before, "from", "alone")
    assert (after.state, again.ran(after)) == ("failed", ["alone"])
    assert after.step("asked")["message"] == before.step("asked")["message"]


CHILD = """
spec: 1
name: child
sandboxes: {own: {needs: {runtime: shell}, scope: step}}
steps:
  one:
    sandbox: own
    run: 'echo "n=1" >> "$RUNNER_OUTPUT"; echo text > page.txt'
    outputs: {n: {type: integer}, page: {artifact: page.txt}}
outputs: {n: {value: "${{ steps.one.outputs.n }}"}, page: {value: "${{ steps.one.outputs.page }}"}}
"""


def test_a_workflow_below_is_taken_over_or_made_again_as_a_whole(lab):
    again = Again(lab, """
steps:
  below: {workflow: child.yaml}
  use:
    sandbox: own
    run: 'cat ${{ steps.below.outputs.page }}/page.txt; test ${{ steps.below.outputs.n }} = 1'
""", files={"child.yaml": CHILD})  # fmt: skip
    before = again.begin()

    after = again.again(before, "from", "use")
    assert (after.state, again.ran(after)) == ("succeeded", ["use"])
    assert ("use", "stdout", "text\n") in lab.text
    assert not after.of("step.delegated")

    whole = again.again(before, "from", "below")
    assert (whole.state, again.ran(whole)) == ("succeeded", ["below", "use"])
    assert whole.step("below")["child"] != before.step("below")["child"]


# ---------------------------------------------------------------- refusals


def test_a_step_that_there_is_not(chain):
    error = chain.refused(chain.begin(), "from", "ude")
    assert "has no step 'ude'" in error.message
    assert "use" in error.hint


def test_nothing_failed(chain):
    chain.world(ok="fine")
    error = chain.refused(chain.begin(), "failed")
    assert "nothing of run" in error.message


def test_a_step_that_would_be_skipped_again(chain):
    before = chain.begin()
    error = chain.refused(before, "only", "last")
    assert "it needs use, which failed" in error.message
    assert f"runner rerun {before.report.run} --from use" in error.hint


def test_an_artifact_that_was_changed(chain):
    before = chain.begin()
    digest = before.report.artifacts["make/page"]["digest"]
    (chain.lab.folder / "state" / "artifacts" / f"{digest}.tar").write_bytes(b"other")
    error = chain.refused(before, "failed")
    assert "the artifact page of make" in error.message
    assert "--from make" in error.hint


def test_an_output_that_holds_a_secret(lab):
    lab.environ = {"TOKEN": "hunter-hunter"}
    again = Again(lab, """
secrets: {token: {env: TOKEN}}
steps:
  login:
    sandbox: own
    env: {TOKEN: "${{ secrets.token }}"}
    run: 'echo "key=\\"$TOKEN\\"" >> "$RUNNER_OUTPUT"'
    outputs: {key: {type: string}}
  use: {sandbox: own, run: 'test ${{ steps.login.outputs.key }} = no'}
  alone: {sandbox: own, run: echo alone}
""")  # fmt: skip
    before = again.begin()
    error = again.refused(before, "failed")
    assert "use needs login, whose output key holds a secret" in error.message
    assert again.again(before, "from", "alone").states["login"] == "succeeded"


def test_a_run_whose_events_were_removed(lab):
    again = Again(lab, """
steps:
  list: {sandbox: own, run: 'echo "n=[1,2]" >> "$RUNNER_OUTPUT"', outputs: {n: {type: array, items: {type: integer}}}}
  each: {sandbox: own, for_each: "${{ steps.list.outputs.n }}", run: 'echo ${{ item }}'}
  last: {sandbox: own, after: [each], run: exit 1}
""")  # fmt: skip
    before = again.begin()
    end = before.events[-1]
    stone = Tombstone(end.run, "journal", end.seq, end.hash, end.ts, "older than 1 day")
    asyncio.run(lab.store.forget(stone))
    error = again.refused(before, "failed")
    assert "what each[0] worked on" in error.message
    assert "--from each" in error.hint
    assert again.ran(again.again(before, "from", "each")) == ["each[0]", "each[1]", "last"]


# ---------------------------------------------------------------- files of boxes

SHARED = """
steps:
  a: {sandbox: one, run: echo of-a > kept}
  b: {sandbox: one, after: [a], files: {world: world}, run: 'cat kept; test -e world/ok; echo of-b >> kept'}
  c: {sandbox: one, after: [b], run: cat kept}
  far: {sandbox: one, run: echo far}
finally: {sandbox: one, run: echo cleaned}
"""


@pytest.fixture
def shared(lab):
    again = Again(lab, SHARED)
    again.world(other="")
    return again


def test_files_of_a_box_that_nobody_kept(shared):
    before = shared.begin()
    error = shared.refused(before, "failed")
    assert "sandbox one" in error.message
    assert "the files that a left in it" in error.message
    assert f"runner rerun {before.report.run} --from a" in error.hint
    assert shared.again(before, "from", "far").states["far"] == "succeeded"
    assert "finally would run without them" in shared.refused(before, "only", "finally").message


def test_the_files_of_snapshots_are_given_to_the_new_box(shared):
    before = shared.begin(keep=True)
    shared.world(ok="")

    after = shared.again(before, "failed")

    assert after.state == "succeeded"
    assert shared.ran(after) == ["b", "c", "finally"]
    assert ("b", "stdout", "of-a\n") in shared.lab.text
    assert after.of("snapshot.restored")[0].data["source"] == f"{before.report.run}:a"


def test_files_that_the_run_before_began_with_are_begun_with_again(shared):
    shared.world(ok="")
    second = shared.again(shared.begin(keep=True), "only", "b")
    third = shared.again(second, "only", "b")
    assert ("b", "stdout", "of-a\n") in shared.lab.text
    assert third.state == "succeeded"


def test_a_snapshot_that_is_not_whole_is_none(shared):
    before = shared.begin(keep=True)
    digest = before.step("a")["snapshot"]["digest"]
    (shared.lab.folder / "state" / "artifacts" / f"{digest}.tar").write_bytes(b"other")
    assert "sandbox one" in shared.refused(before, "failed").message


def test_the_copy_of_a_box_serves_too(lab):
    lab.providers["webcontainer"] = type(lab.fake)(lab.cloud, "webcontainer")
    again = Again(lab, """
steps:
  a: {sandbox: web, run: echo of-a > kept}
  b: {sandbox: web, after: [a], files: {world: world}, run: 'cat kept; test -e world/ok'}
""".replace("web,", "one,"))  # fmt: skip
    again.plan = lab.planned(HEAD.replace("{runtime: shell}}}", "{runtime: node}, prefer: [webcontainer]}}") + """
steps:
  a: {sandbox: one, run: echo of-a > kept}
  b: {sandbox: one, after: [a], files: {world: world}, run: 'cat kept; test -e world/ok'}
""")  # fmt: skip
    again.world(other="")
    before = again.begin()
    again.world(ok="")
    after = again.again(before, "failed")
    assert again.ran(after) == ["b"]
    assert after.state == "succeeded"


# ---------------------------------------------------------------- after another process


def test_what_is_taken_over_is_part_of_the_run(chain):
    before = chain.begin()
    chain.world(ok="mended")
    after = chain.again(before, "failed")
    path = chain.lab.folder / "state" / "runs" / after.report.run / "prior.json"

    async def resumed():
        return await execute(chain.plan, chain.lab.setup(), Control(), await load(chain.lab.store, after.report.run))

    assert asyncio.run(resumed()).state == "succeeded"
    whole = path.read_bytes()
    for content, words in ((b"{}", "cannot be read"), (whole.replace(b"41", b"42"), "is not what run")):
        path.write_bytes(content)
        with pytest.raises(StoreError, match=words):
            asyncio.run(resumed())
    path.unlink()
    with pytest.raises(StoreError, match=r"prior\.json"):
        asyncio.run(resumed())


def test_what_cannot_be_written_down_begins_no_run(chain, monkeypatch):
    before = chain.begin()
    chain.lab.clock.time += 1

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("runner.run.prior.write_durably", full)
    with pytest.raises(StoreError, match="no space left"):
        chain.again(before, "failed")
    assert len(asyncio.run(chain.lab.store.runs())) == 1
