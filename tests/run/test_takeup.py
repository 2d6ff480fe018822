"""Going on with a run whose process was killed: from every single moment at which it could have died."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from runner.errors import JournalBroken, RunRelieved, StoreConflict, StoreError, StoreFull, UsageError
from runner.run import remembered
from runner.run.boxes import Boxes
from runner.run.event import verify
from runner.run.execute import execute
from runner.run.interrupt import Control
from runner.run.kept import load, load_plan, plan_path, resumable
from runner.run.owner import label
from runner.run.ports import BoxRequest, Change
from runner.run.replay import compared
from runner.run.requests import Inbox, Request
from runner.run.rerun import Choice, Rerun
from runner.run.snapshots import Beginning, Snapshots
from runner.run.state import FINAL, replay
from runner.store.memory import MemoryStore


class Remembering(MemoryStore):
    """A store that can tell what it held after each of its commits: what a killed process would have left."""

    def __init__(self):
        super().__init__()
        self.commits = []

    async def commit(self, run, changes, events, *more):
        sealed = await super().commit(run, changes, events, *more)
        self.commits.append((run, list(changes), list(events), more))
        return sealed

    async def after(self, count):
        """A store that holds the first `count` commits."""
        made = Remembering()
        await made.open()
        for run, changes, events, more in self.commits[:count]:
            await made.commit(run, changes, events, *more)
        return made


@pytest.fixture
def lab(lab):
    lab.store = Remembering()
    return lab


async def states(store, run):
    return {record.key: record.data["state"] for record in await store.all(run, "step")}


async def go_on(lab, plan, store, run, **more):
    """Take the run up from a store; what must hold of whatever is left then."""
    report = await execute(plan, replace(lab.setup(), store=store, **more), Control(), await load(store, run))
    for record in await store.runs():
        events = await store.events(record.key)
        verify(events, record.key, await store.head(record.key))
        assert (await compared(store, record.key)).differences == ()
        told = replay(events)
        assert told.run == record.data["state"]
        found = await states(store, record.key)
        assert {key: told.steps.get(key, "pending") for key in found} == found
    assert not lab.cloud.boxes, "a box outlived its run"
    return report


async def from_everywhere(lab, plan, also=lambda event: True):
    """Run the plan, then go on from each moment of that run: the end is the same, and no success is repeated."""
    whole = await lab.live(plan)
    run, most = whole.report.run, len(lab.store.commits)
    assert most > 2
    for count in range(1, most + 1):
        store = await lab.store.after(count)
        if (await load(store, run)).document["state"] in FINAL:
            continue
        before = {record.key: await states(store, record.key) for record in await store.runs()}
        seqs = {key: (await store.head(key))[0] for key in before}

        report = await go_on(lab, plan, store, run)

        assert report.state == whole.state, (count, report.document["message"])
        assert report.document["outputs"] == whole.report.document["outputs"]
        after = {key: document["state"] for key, document in report.steps.items()}
        assert after == whole.states, count
        for key, legs in before.items():
            again = {event.step for event in await store.events(key, after=seqs[key]) if event.type == "step.started"}
            assert not again & {leg for leg, state in legs.items() if state in FINAL}, f"repeated after commit {count}"
        assert len({record.key for record in await store.runs()}) == len(await lab.store.runs()), (
            "a run was begun twice"
        )
    return whole


def play(lab, text, **more):
    return asyncio.run(from_everywhere(lab, lab.planned(text, **more)))


HEAD = """
spec: 1
name: lab
sandboxes: {own: {needs: {runtime: shell}, scope: step}}
defaults: {retry: {attempts: 2, delay: 1ms}}
"""


def test_a_chain_with_outputs_and_artifacts(lab):
    whole = play(lab, HEAD + """
steps:
  make:
    sandbox: own
    run: 'echo "n=41" >> "$RUNNER_OUTPUT"; echo text > page.txt'
    outputs: {n: {type: integer}, page: {artifact: page.txt}}
  use:
    sandbox: own
    run: |
      cat ${{ steps.make.outputs.page }}/page.txt
      echo "sum=$((${{ steps.make.outputs.n }} + 1))" >> "$RUNNER_OUTPUT"
    outputs: {sum: {type: integer}}
outputs: {sum: {value: "${{ steps.use.outputs.sum }}"}}
milestones: [{id: all, title: All, week: 1, needs: [use], accept: ["steps.use.outputs.sum == 42"]}]
""")  # fmt: skip
    assert whole.report.document["outputs"] == {"sum": 42}


def test_failures_skips_and_last_steps(lab):
    whole = play(lab, HEAD + """
steps:
  ok: {sandbox: own, run: echo fine}
  bad: {sandbox: own, after: [ok], run: exit 3}
  never: {sandbox: own, after: [bad], run: echo no}
  many: {sandbox: own, matrix: {n: [1, 2]}, allow_failure: true, run: 'test ${{ matrix.n }} -ne 2'}
  off: {sandbox: own, after: [ok], if: "steps.ok.state == 'failed'", run: echo no}
on_failure: {sandbox: own, run: echo told}
finally: {sandbox: own, run: echo cleaned}
milestones: [{id: all, title: All, week: 1, needs: [never]}]
""")  # fmt: skip
    assert whole.state == "failed"
    assert (whole.states["on_failure"], whole.states["finally"]) == ("succeeded", "succeeded")


def test_a_final_step_that_failed(lab):
    whole = play(lab, HEAD + """
steps: {ok: {sandbox: own, run: echo fine}}
on_failure: {sandbox: own, run: echo told}
finally: {sandbox: own, run: exit 1}
""")  # fmt: skip
    assert whole.state == "failed"


def test_an_acceptance_check_that_does_not_hold(lab):
    whole = play(lab, HEAD + """
steps:
  make: {sandbox: own, run: 'echo "n=1" >> "$RUNNER_OUTPUT"', outputs: {n: {type: integer}}}
  late: {sandbox: own, after: [make], run: echo end}
milestones: [{id: all, title: All, week: 1, needs: [make], accept: ["steps.make.outputs.n == 2"]}]
""")  # fmt: skip
    assert "does not hold" in whole.report.document["message"]


def test_lists_and_repetitions(lab):
    whole = play(lab, HEAD + """
steps:
  list: {sandbox: own, run: 'echo "n=[1,2]" >> "$RUNNER_OUTPUT"', outputs: {n: {type: array, items: {type: integer}}}}
  each:
    sandbox: own
    for_each: "${{ steps.list.outputs.n }}"
    run: 'echo "twice=$((${{ item }} * 2))" >> "$RUNNER_OUTPUT"'
    outputs: {twice: {type: integer}}
  none: {sandbox: own, for_each: {items: '${{ steps.list.outputs.n.filter(one, one > 9) }}'}, run: 'echo ${{ item }}'}
  odd: {sandbox: own, for_each: "${{ steps.list.outputs.n }}", if: item != 2, run: 'echo ${{ item }}'}
  off: {sandbox: own, for_each: "${{ steps.list.outputs.n }}", if: size(steps.list.outputs.n) > 9, run: echo no}
  broken: {sandbox: own, for_each: {items: '${{ [steps.list.outputs.n[9]] }}'}, run: echo no, allow_failure: true}
  again:
    sandbox: own
    after: [each]
    run: 'echo "n=$RUNNER_ATTEMPT" >> "$RUNNER_OUTPUT"'
    outputs: {n: {type: integer}}
    repeat: {until: outputs.n >= 3, max: 9}
outputs: {all: {value: "${{ steps.each.outputs.twice }}"}}
""")  # fmt: skip
    assert whole.report.document["outputs"] == {"all": [2, 4]}


def test_a_matrix_that_ends_with_its_first_failure(lab):
    whole = play(lab, HEAD + """
steps:
  many: {sandbox: own, matrix: {n: [1, 2], fail_fast: true, max_parallel: 1}, run: exit 1, retry: {attempts: 1}}
""")  # fmt: skip
    assert sorted(whole.states.values()) == ["cancelled", "failed"]


CHILD = """
spec: 1
name: child
sandboxes: {own: {needs: {runtime: shell}, scope: step}}
inputs: {name: {type: string}}
steps:
  one:
    sandbox: own
    run: 'echo "said=\\"hello ${{ inputs.name }}\\"" >> "$RUNNER_OUTPUT"'
    outputs: {said: {type: string}}
  two: {sandbox: own, after: [one], run: echo two}
outputs: {said: {value: "${{ steps.one.outputs.said }}"}}
"""


def test_a_run_below_goes_on_where_it_was(lab):
    whole = play(lab, HEAD + """
steps:
  before: {sandbox: own, run: echo begin}
  below: {workflow: child.yaml, with: {name: you}, after: [before]}
  after: {sandbox: own, run: 'echo "${{ steps.below.outputs.said }}"'}
outputs: {said: {value: "${{ steps.below.outputs.said }}"}}
""", files={"child.yaml": CHILD})  # fmt: skip
    assert whole.report.document["outputs"] == {"said": "hello you"}


def test_a_run_below_goes_on_though_the_process_that_took_it_up_died_at_once(lab):
    """Also where its leg was written down as interrupted, and had not begun again."""
    text = HEAD + "steps: {below: {workflow: child.yaml, with: {name: you}}}"
    plan = lab.planned(text, files={"child.yaml": CHILD})

    async def main():
        whole = await lab.live(plan)
        begun = until(lab, "step.delegated below")
        for first in range(begun, begun + 5):
            store = await lab.store.after(first)
            began = len(store.commits)
            await go_on(lab, plan, store, whole.report.run)
            for second in range(began + 1, began + 4):
                again = await store.after(second)
                await go_on(lab, plan, again, whole.report.run)
                ended = [record.data["state"] for record in await again.runs()]
                assert ended == ["succeeded"] * 2, (first, second)

    asyncio.run(main())


def test_a_run_below_that_failed_is_not_begun_again(lab):
    child = "spec: 1\nname: child\nsandboxes: {own: {needs: {runtime: shell}, scope: step}}\n"
    child += "steps: {one: {sandbox: own, run: exit 3}}\n"
    text = HEAD.replace("attempts: 2", "attempts: 1") + "steps: {below: {workflow: child.yaml}}"
    whole = play(lab, text, files={"child.yaml": child})
    assert "exit code 3" in whole.report.document["message"]


FINALLY = (
    CHILD
    + """\
finally: {sandbox: own, run: 'echo "farewell ${{ inputs.name }}"'}
"""
)
WITH_SECRET = (
    HEAD
    + """
secrets: {word: {env: WORD}}
steps:
  make:
    sandbox: own
    env: {W: '${{ secrets.word }}'}
    run: 'echo "word=\\"$W\\"" >> "$RUNNER_OUTPUT"'
    outputs: {word: {type: string}}
  below: {workflow: child.yaml, with: {name: '${{ steps.make.outputs.word }}'}, after: [make]}
"""
)


@pytest.mark.parametrize(("times", "farewell"), [(1, True), (2, False)])
def test_a_run_below_whose_leg_is_cancelled_before_it_goes_on_ends_too(lab, times, farewell):
    text = HEAD + "steps: {below: {workflow: child.yaml, with: {name: you}}}"
    plan = lab.planned(text, files={"child.yaml": FINALLY})

    async def main():
        whole = await lab.live(plan)
        lab.text.clear()
        store = await lab.store.after(until(lab, "step.started one"))
        for number in range(times):
            wish = Request(f"{number:020d}-test", "cancel", "somebody", lab.clock.now())
            Inbox(lab.folder / "state", whole.report.run).write(wish)
        report = await go_on(lab, plan, store, whole.report.run)
        assert report.state == "cancelled"
        assert [record.data["state"] for record in await store.runs()] == ["cancelled"] * 2

    asyncio.run(main())
    assert (("below/finally", "stdout", "farewell you\n") in lab.text) is farewell


def test_a_run_below_that_cannot_be_given_what_it_had_ends_without_doing_anything(lab):
    lab.environ = {"WORD": "hunter22"}
    plan = lab.planned(WITH_SECRET, files={"child.yaml": FINALLY})

    async def main():
        whole = await lab.live(plan)
        lab.text.clear()
        store = await lab.store.after(until(lab, "step.started one"))
        report = await go_on(lab, plan, store, whole.report.run)
        assert (report.state, report.steps["below"]["error_class"]) == ("failed", "expression")
        assert sorted(record.data["state"] for record in await store.runs()) == ["cancelled", "failed"]

    asyncio.run(main())
    assert lab.text == []


def test_a_run_below_that_cannot_be_written_leaves_the_one_above_open_too(lab):
    """Both go on when there is space, and what ran beside them was not ended."""
    text = (
        HEAD
        + """
steps:
  below: {workflow: child.yaml, with: {name: you}}
  beside: {workflow: child.yaml, with: {name: them}}
"""
    )
    plan = lab.planned(text, files={"child.yaml": CHILD})
    commit = lab.store.commit

    async def full(run, changes, events):
        if any(event.type == "step.succeeded" and event.step == "one" for event in events):
            raise StoreFull("no space left for the store")
        return await commit(run, changes, events)

    async def main():
        lab.store.commit = full
        with pytest.raises(StoreFull):
            await lab.live(plan)
        lab.store.commit = commit
        records = await lab.store.runs()
        assert [record.data["state"] for record in records] == ["running"] * 3
        top = next(record.key for record in records if record.data["parent"] is None)
        assert (await go_on(lab, plan, lab.store, top)).state == "succeeded"
        assert len(await lab.store.runs()) == 3

    asyncio.run(main())


def test_a_box_that_nobody_else_can_know_is_freed_by_who_made_it(lab):
    plan = lab.planned(HEAD + "steps: {a: {run: sleep 9}}")
    commit = lab.store.commit

    async def taken_over(run, changes, events):
        if any(event.type == "box.created" for event in events):
            raise StoreConflict("the run was moved")
        return await commit(run, changes, events)

    async def main():
        lab.store.commit = taken_over
        with pytest.raises(RunRelieved):
            await lab.live(plan)

    asyncio.run(main())
    assert not lab.cloud.boxes
    assert len(lab.providers["e2b"].made) == 1


def test_what_follows_a_failure_is_cancelled_if_somebody_cancels_before_it_goes_on(lab):
    text = HEAD + "steps: {a: {sandbox: own, run: exit 1}}\non_failure: {sandbox: own, run: echo sorry}\n"
    plan = lab.planned(text.replace("attempts: 2", "attempts: 1"))

    async def main():
        whole = await lab.live(plan)
        store = await lab.store.after(until(lab, "step.ready on_failure"))
        Inbox(lab.folder / "state", whole.report.run).write(
            Request(f"{0:020d}-test", "cancel", "somebody", lab.clock.now())
        )
        return await go_on(lab, plan, store, whole.report.run)

    report = asyncio.run(main())
    assert (report.state, report.steps["on_failure"]["state"]) == ("cancelled", "cancelled")


# ---------------------------------------------------------------- boxes


SHARED = """
spec: 1
name: lab
sandboxes: {{web: {{needs: {{runtime: node}}, prefer: [{prefer}]}}}}
steps:
  a: {{sandbox: web, run: "echo of-a > kept"}}
  b: {{sandbox: web, after: [a], run: "cat kept; echo of-b >> kept"}}
  c: {{sandbox: web, after: [b], run: "cat kept"}}
"""


def volatile(lab):
    lab.providers["webcontainer"] = type(lab.fake)(lab.cloud, "webcontainer")
    return SHARED.format(prefer="webcontainer")


def test_the_copy_of_a_box_that_died_with_its_process_comes_back(lab):
    play(lab, volatile(lab))
    assert lab.text[-2:] == [("c", "stdout", "of-a\n"), ("c", "stdout", "of-b\n")] or lab.text[-1][2] == "of-a\nof-b\n"


def until(lab, word):
    """After how many commits the event of that type about that leg is in the journal."""
    for count, (_, _, events, _) in enumerate(lab.store.commits, 1):
        if any(f"{event.type} {event.step}" == word for event in events):
            return count
    raise AssertionError(word)


def test_without_a_copy_the_files_are_lost_and_the_run_says_so(lab):
    plan = lab.planned(SHARED.format(prefer="e2b"))

    async def main():
        whole = await lab.live(plan)
        store = await lab.store.after(until(lab, "step.succeeded a"))
        return await go_on(lab, plan, store, whole.report.run)

    report = asyncio.run(main())
    assert report.state == "failed"
    assert "the files that a left in it are lost" in report.document["message"]
    assert {key: leg["state"] for key, leg in report.steps.items()} == {"a": "succeeded", "b": "failed", "c": "skipped"}


def test_a_copy_that_was_changed_is_not_trusted(lab):
    plan = lab.planned(volatile(lab))

    async def main():
        whole = await lab.live(plan)
        store = await lab.store.after(until(lab, "step.succeeded a"))
        (box,) = await store.all(whole.report.run, "box")
        (lab.folder / "state" / "artifacts" / f"{box.data['copy']['digest']}.tar").write_bytes(b"other")
        return await go_on(lab, plan, store, whole.report.run)

    report = asyncio.run(main())
    assert "was changed after it was stored" in report.document["message"]


async def left_behind(lab, plan, word):
    """Begin a run whose process does nothing more after the commit of that event, and takes nothing along: the task of
    the process, what lets it go on, and the run's id.
    """
    stuck, wake = asyncio.Event(), asyncio.Event()
    commit = lab.store.commit

    async def last(run, changes, events, *more):
        sealed = await commit(run, changes, events, *more)
        if any(f"{event.type} {event.step}" == word for event in events):
            stuck.set()
            await wake.wait()
        return sealed

    lab.store.commit = last
    await lab.store.open()
    task = asyncio.ensure_future(execute(plan, lab.setup(), Control()))
    await stuck.wait()
    lab.store.commit = commit
    (record,) = await lab.store.runs()
    return task, wake, record.key


def found_alive(lab, text, word):
    """How many boxes the process left, the run as another one ended it, its events. The first one is a late riser."""
    plan = lab.planned(text)

    async def main():
        task, wake, run = await left_behind(lab, plan, word)
        boxes = len(lab.cloud.boxes)
        report = await go_on(lab, plan, lab.store, run)
        wake.set()
        with pytest.raises(RunRelieved):
            await task
        return boxes, report, await lab.store.events(run)

    return asyncio.run(main())


def test_a_shared_box_that_lives_is_used_again(lab):
    boxes, report, events = found_alive(lab, SHARED.format(prefer="e2b"), "step.started b")
    assert (boxes, report.state) == (1, "succeeded")
    told = [event.type for event in events]
    assert (told.count("box.created"), told.count("box.found"), told.count("box.killed")) == (1, 1, 1)
    assert lab.text[-1] == ("c", "stdout", "of-a\nof-b\n")
    assert report.document["cost"]["box_seconds"] >= 0


def until_there(cloud, name):
    """Wait for a file of that name in the home folder of a box."""
    end = time.monotonic() + 30
    while not any(Path(box.home, name).exists() for box in list(cloud.boxes.values())):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_the_interrupted_attempt_goes_on_doing_is_ended_and_a_server_is_not(lab):
    text = """
spec: 1
name: lab
sandboxes: {web: {needs: {runtime: shell}}}
steps:
  serve: {sandbox: web, run: 'sleep 61.5 > /dev/null 2>&1 & echo $! > server'}
  work:
    sandbox: web
    after: [serve]
    run: 'sleep 62.5 > /dev/null 2>&1 & echo $! >> workers; [ "$RUNNER_ATTEMPT" = 2 ] || wait'
  look:
    sandbox: web
    after: [work]
    run: 'kill -0 $(cat server); grep -q "^State:.*Z" /proc/$(head -1 workers)/status || ! kill -0 $(head -1 workers)'
"""
    plan = lab.planned(text)

    async def main():
        await lab.store.open()
        first = asyncio.ensure_future(execute(plan, lab.setup(), Control()))
        await asyncio.to_thread(until_there, lab.cloud, "workers")
        (record,) = await lab.store.runs()
        report = await go_on(lab, plan, lab.store, record.key)
        with pytest.raises(RunRelieved):
            await first
        return report

    report = asyncio.run(main())
    assert report.state == "succeeded", report.document["message"]


def test_artifacts_that_are_in_a_box_already_are_not_put_there_again(lab):
    text = """
spec: 1
name: lab
sandboxes: {web: {needs: {runtime: shell}}, own: {needs: {runtime: shell}, scope: step}}
steps:
  make: {sandbox: own, run: echo page > page.txt, outputs: {page: {artifact: page.txt}}}
  edit: {sandbox: web, run: 'echo more >> ${{ steps.make.outputs.page }}/page.txt'}
  read: {sandbox: web, after: [edit], run: 'cat ${{ steps.make.outputs.page }}/page.txt'}
"""
    _, report, _ = found_alive(lab, text, "step.started read")
    assert report.state == "succeeded"
    assert lab.text[-1] == ("read", "stdout", "page\nmore\n")


def test_the_box_of_an_interrupted_attempt_alone_is_freed(lab):
    text = HEAD + "steps: {a: {sandbox: own, run: echo one}, b: {sandbox: own, after: [a], run: echo two}}"
    boxes, report, events = found_alive(lab, text, "box.created b")
    assert (boxes, report.state) == (1, "succeeded")
    (gone,) = [event for event in events if "interrupted" in str(event.data.get("reason"))]
    assert gone.type == "box.killed"


def test_artifacts_that_an_attempt_died_too_early_to_bring_are_brought(lab):
    text = """
spec: 1
name: lab
sandboxes: {web: {needs: {runtime: shell}}, own: {needs: {runtime: shell}, scope: step}}
steps:
  make: {sandbox: own, run: echo page > page.txt, outputs: {page: {artifact: page.txt}}}
  beside: {sandbox: web, run: 'true'}
  read: {sandbox: web, after: [beside], run: 'cat ${{ steps.make.outputs.page }}/page.txt'}
"""
    plan = lab.planned(text)

    async def main():
        task, wake, run = await left_behind(lab, plan, "step.started read")
        ((key, leg),) = [(each.key, each) for each in await lab.store.all(run, "step") if each.key == "read"]
        (box,) = [each.data for each in await lab.store.all(run, "box") if each.data["state"] == "live"]
        # It had come as far as to choose its box.
        chosen = {**leg.data, "box": next(iter(lab.cloud.boxes)), "provider": box["provider"]}
        await lab.store.commit(run, [Change("step", key, leg.rev, chosen)], [])
        report = await go_on(lab, plan, lab.store, run)
        wake.set()
        with pytest.raises(RunRelieved):
            await task
        return report

    report = asyncio.run(main())
    assert report.state == "succeeded", report.document["message"]
    assert lab.text[-1] == ("read", "stdout", "page\n")


def test_a_box_that_its_process_died_too_early_to_write_down_is_freed(lab):
    plan = lab.planned(HEAD + "steps: {a: {sandbox: own, run: echo one}}")
    dead = json.dumps({**label(), "ticks": 1})

    async def main():
        task, wake, run = await left_behind(lab, plan, "step.started a")
        sandbox = lab.setup().providers["e2b"]
        stray = await sandbox.create(BoxRequest(labels={"runner": "1", "run": run, "owner": dead}))
        other = await sandbox.create(BoxRequest(labels={"runner": "1", "run": "another", "owner": dead}))
        report = await execute(plan, lab.setup(), Control(), await load(lab.store, run))
        wake.set()
        with pytest.raises(RunRelieved):
            await task
        return report, stray.id in lab.cloud.boxes, other.id in lab.cloud.boxes

    report, stray, other = asyncio.run(main())
    assert (report.state, stray, other) == ("succeeded", False, True)


def test_a_box_whose_provider_nobody_knows_any_more_is_gone(lab):
    plan = lab.planned(SHARED.format(prefer="webcontainer, e2b"))
    volatile(lab)

    async def main():
        whole = await lab.live(plan)
        store = await lab.store.after(until(lab, "step.succeeded a"))
        del lab.providers["webcontainer"]
        return await go_on(lab, plan, store, whole.report.run), await store.events(whole.report.run)

    report, events = asyncio.run(main())
    assert report.state == "succeeded"
    assert any("nothing knows its provider webcontainer now" in str(event.data.get("reason")) for event in events)
    assert lab.text[-1] == ("c", "stdout", "of-a\nof-b\n")


# ---------------------------------------------------------------- secrets, policies, costs


SECRET = """
spec: 1
name: lab
secrets: {word: {env: WORD}}
sandboxes: {own: {needs: {runtime: shell}, scope: step}}
steps:
  make:
    sandbox: own
    env: {W: '${{ secrets.word }}'}
    run: 'echo "all=[\\"$W\\", \\"plain\\"]" >> "$RUNNER_OUTPUT"; echo "open=1" >> "$RUNNER_OUTPUT"'
    outputs: {all: {type: array, items: {type: string}}, open: {type: integer}}
  each: {sandbox: own, for_each: "${{ steps.make.outputs.all }}", run: 'echo ${{ item }}'}
  last: {sandbox: own, after: [each], run: 'echo ${{ steps.make.outputs.open }}'}
  leak: {sandbox: own, after: [last], run: 'test -n "${{ steps.make.outputs.all[0] }}"'}
"""


def resumed_secret(lab, word):
    lab.environ = {"WORD": "hunter22"}
    plan = lab.planned(SECRET)

    async def main():
        whole = await lab.live(plan)
        store = await lab.store.after(until(lab, word))
        return await go_on(lab, plan, store, whole.report.run)

    return asyncio.run(main())


def test_a_list_with_a_secret_is_not_made_up(lab):
    with pytest.raises(UsageError, match="the items of step each hold a secret") as caught:
        resumed_secret(lab, "step.expanded each")
    assert "runner run SPEC" in caught.value.hint


def test_a_list_with_a_secret_that_can_be_made_again_is(lab):
    lab.environ = {"WORD": "hunter22"}
    text = (
        HEAD
        + """
secrets: {word: {env: WORD}}
inputs: {all: {type: array, items: {type: string}}}
steps:
  use: {sandbox: own, env: {W: '${{ secrets.word }}'}, run: 'test -n "$W"'}
  each: {sandbox: own, after: [use], for_each: "${{ inputs.all }}", run: 'test "${{ item }}" != "***"'}
"""
    )
    plan = lab.planned(text, {"all": ["hunter22", "plain"]})

    async def main():
        whole = await lab.live(plan)
        store = await lab.store.after(until(lab, "step.expanded each"))
        return await go_on(lab, plan, store, whole.report.run)

    assert asyncio.run(main()).state == "succeeded"


def test_an_output_with_a_secret_is_missing_and_others_are_there(lab):
    report = resumed_secret(lab, "step.succeeded each")
    assert (report.steps["last"]["state"], report.steps["leak"]["state"]) == ("succeeded", "failed")
    assert "***" not in report.document["message"]


def test_a_policy_acts_once_also_over_two_processes(lab):
    text = (
        HEAD
        + """
policies: [{id: told, when: "run.seconds >= 0.0", do: notify}]
steps: {a: {sandbox: own, run: echo one}, b: {sandbox: own, after: [a], run: echo two}}
"""
    )
    plan = lab.planned(text)

    async def main():
        whole = await lab.live(plan)
        store = await lab.store.after(until(lab, "step.succeeded a"))
        await go_on(lab, plan, store, whole.report.run)
        return [event.type for event in await store.events(whole.report.run)]

    assert asyncio.run(main()).count("policy.applied") == 1


def test_a_paused_run_goes_on(lab):
    text = """
spec: 1
name: lab
sandboxes: {web: {needs: {runtime: shell}}}
policies: [{id: stop, when: "steps.a.state == 'succeeded'", do: pause}]
steps:
  a: {sandbox: web, run: echo of-a > kept}
  slow: {sandbox: web, run: sleep 0.5}
  b: {sandbox: web, after: [a, slow], run: cat kept}
"""
    plan = lab.planned(text)

    async def main():
        first = await lab.live(plan)
        assert (first.state, first.states["b"]) == ("paused", "pending")
        return await go_on(lab, plan, lab.store, first.report.run)

    report = asyncio.run(main())
    assert (report.state, report.steps["slow"]["attempt"]) == ("succeeded", 1)
    assert lab.text[-1] == ("b", "stdout", "of-a\n")


def test_a_run_that_is_stopped_while_it_is_being_paused_leaves_nothing_open(lab, monkeypatch):
    text = (
        HEAD
        + """
policies: [{id: stop, when: "steps.a.state == 'succeeded'", do: pause}]
steps:
  a: {sandbox: own, run: echo a}
  slow: {sandbox: own, run: sleep 0.3}
  b: {sandbox: own, after: [a, slow], run: echo b}
finally: {sandbox: own, run: echo farewell}
"""
    )
    plan, save = lab.planned(text), Boxes.save

    async def meanwhile(boxes, folder):
        await save(boxes, folder)
        lab.control.stop("somebody had enough")

    monkeypatch.setattr(Boxes, "save", meanwhile)
    done = asyncio.run(lab.live(plan))
    assert (done.state, done.states["b"], done.states["finally"]) == ("cancelled", "cancelled", "succeeded")


@pytest.mark.parametrize("when", ["on: step.failed", "when: steps.may.state == 'failed'"])
@pytest.mark.parametrize("do", ["fail", "cancel"])
def test_what_a_policy_has_decided_is_done_by_whoever_goes_on(lab, when, do):
    whole = play(lab, HEAD + f"""
policies: [{{id: strict, {when.replace(': ', ': "', 1)}", do: {do}}}]
steps:
  ok: {{sandbox: own, run: echo fine}}
  may: {{sandbox: own, run: exit 3, allow_failure: true, after: [ok], retry: {{attempts: 1}}}}
  then: {{sandbox: own, after: [may], run: sleep 20}}
finally: {{sandbox: own, run: echo cleaned}}
""")  # fmt: skip
    assert whole.state == {"fail": "failed", "cancel": "cancelled"}[do]
    assert "policy strict:" in whole.report.document["message"]
    assert whole.states["finally"] == "succeeded"


def test_a_decision_is_written_with_what_it_is_about(lab):
    text = "policies: [{id: strict, on: step.failed, do: fail}]\nsteps: {bad: {sandbox: own, run: exit 3}}"
    asyncio.run(lab.live(lab.planned(HEAD + text)))
    together = [[event.type for event in events] for _, _, events, *_ in lab.store.commits]
    (commit,) = (types for types in together if "step.failed" in types)
    assert "policy.applied" in commit


def test_a_pause_that_was_decided_holds_until_somebody_goes_on(lab):
    text = (
        HEAD
        + """
policies: [{id: stop, on: step.succeeded, do: pause}]
steps: {a: {sandbox: own, run: echo one}, b: {sandbox: own, after: [a], run: echo two}}
"""
    )
    plan = lab.planned(text)

    async def main():
        whole = await lab.live(plan)
        store = await lab.store.after(until(lab, "step.succeeded a"))
        first = await go_on(lab, plan, store, whole.report.run)
        return first.state, (await go_on(lab, plan, store, whole.report.run)).steps["b"]["state"]

    assert asyncio.run(main()) == ("paused", "succeeded")


# ---------------------------------------------------------------- what is read back


def test_a_run_that_nobody_knows(lab):
    async def main():
        await lab.store.open()
        await load(lab.store, "nobody")

    with pytest.raises(UsageError, match="there is no run nobody"):
        asyncio.run(main())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"{", "cannot be read"),
        (b"[]", "cannot be read"),
        (b'{"version": 99}', "cannot be read"),
        (lambda raw: raw.replace(b"echo fine", b"echo evil"), "is not the one that run"),
    ],
)
def test_a_plan_that_is_missing_or_another_one_is_refused(lab, content, words):
    plan = lab.planned(HEAD + "steps: {ok: {sandbox: own, run: echo fine}}")

    async def main():
        whole = await lab.live(plan)
        kept = await load(lab.store, whole.report.run)
        path = plan_path(lab.folder / "state", kept.run)
        assert load_plan(lab.folder / "state", kept) == plan
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content(path.read_bytes()) if callable(content) else content)
        load_plan(lab.folder / "state", kept)

    with pytest.raises(StoreError, match=words):
        asyncio.run(main())


def test_a_journal_that_was_cut_is_not_gone_on_from(lab):
    plan = lab.planned(HEAD + "steps: {ok: {sandbox: own, run: echo fine}}")

    async def main():
        whole = await lab.live(plan)
        del lab.store._events[whole.report.run][2]
        await load(lab.store, whole.report.run)

    with pytest.raises(JournalBroken):
        asyncio.run(main())


# ---------------------------------------------------------------- what a run began with


def test_a_run_goes_on_as_it_was_begun(lab):
    plan = lab.planned("""
spec: 1
name: lab
sandboxes: {own: {needs: {runtime: shell}, scope: step}}
steps:
  a: {sandbox: own, run: cat given; echo of-a > more}
  b: {sandbox: own, after: [a], run: cat given}
""")  # fmt: skip
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        about = tarfile.TarInfo("given")
        about.size = 4
        tar.addfile(about, io.BytesIO(b"mine"))
    begun = Snapshots(True, {"own": Beginning(buffer.getvalue(), "mine.tar")})

    async def main():
        await lab.store.open()
        whole = await execute(plan, replace(lab.setup(), snapshots=begun, max_parallel=3), Control())
        for count in range(1, len(lab.store.commits)):
            lab.text.clear()
            store = await lab.store.after(count)
            report = await go_on(lab, plan, store, whole.run)
            assert report.state == "succeeded"
            assert all(text == "mine" for _, _, text in lab.text)
            assert report.steps["b"]["snapshot"]["files"] == 1
        return report.document

    document = asyncio.run(main())
    assert remembered.max_parallel(document, 8) == 3
    assert remembered.max_parallel({}, 8) == 8


def test_what_is_taken_over_from_a_run_before_is_so_from_everywhere(lab):
    (lab.folder / "world").mkdir()
    plan = lab.planned(HEAD.replace("attempts: 2", "attempts: 1") + """
steps:
  a: {sandbox: own, run: 'echo "n=[1,2]" >> "$RUNNER_OUTPUT"', outputs: {n: {type: array, items: {type: integer}}}}
  b: {sandbox: own, after: [a], files: {world: world}, run: test -e world/ok}
  each: {sandbox: own, for_each: "${{ steps.a.outputs.n }}", run: 'echo ${{ item }}'}
  c: {sandbox: own, after: [b, each], run: echo end}
""")  # fmt: skip

    async def main():
        before = await lab.live(plan)
        assert before.state == "failed"
        (lab.folder / "world" / "ok").write_text("")
        rerun = Rerun(plan, await load(lab.store, before.report.run), lab.folder / "state")
        prior, _ = rerun.prepare(Choice("failed"))
        lab.clock.time += 1
        whole = await execute(plan, replace(lab.setup(), prior=prior), Control())
        for count in range(1, len(lab.store.commits) + 1):
            store = await lab.store.after(count)
            if await resumable(store, whole.run):
                report = await go_on(lab, plan, store, whole.run)
                assert report.state == "succeeded"
                ran = {each.step for each in await store.events(whole.run) if each.type == "step.started"}
                assert ran == {"b", "c"}

    asyncio.run(main())
