"""One scheduler, two engines: for every spec of the repository both leave the same story."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from runner.compiler.compile import compile_plan
from runner.compiler.plan.choose import Fact
from runner.compiler.plan.model import Plan
from runner.compiler.surroundings import Surroundings
from runner.flow import server
from runner.flow.engine import PrefectEngine
from runner.project.reader import reader
from runner.run.clock import SystemClock
from runner.run.event import Event, verify
from runner.run.execute import Report, Setup, execute
from runner.run.interrupt import Control
from runner.run.local import LocalEngine
from runner.run.ports import Engine
from runner.run.prepare import prepare
from runner.run.requests import Inbox, Request, new_id
from runner.run.values import legs_of
from runner.sandbox.fake import FakeSandbox
from runner.store.memory import MemoryStore
from tests.canary import CANARY, files_with, is_in
from tests.prefect_api import ask

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted((ROOT / "specs").glob("*.yaml"))
PROVIDERS = ("e2b", "webcontainer")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(180),
    # Prefect's flow engine leaves one connection of a synchronous client to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning"),
]

#: Stands for python, pip and runner inside the boxes of self-check, which would need minutes and the network.
STAND_IN = r"""#!/bin/sh
case "$0 $*" in
  *" -m venv "*) mkdir -p env/bin; for name in python pip runner; do cp "$0" "env/bin/$name"; done ;;
  *"pytest"*)    echo '<testsuite name="pytest" tests="3" errors="0">' > ../report.xml ;;
  *"pip wheel"*) mkdir -p dist; echo wheel > dist/it-1.0-py3-none-any.whl ;;
  *"json.dumps"*) echo '"1.0"' ;;
esac
"""

FAILING = """
spec: 1
name: failing
steps:
  ok: {run: echo fine}
  bad: {after: [ok], run: exit 3, retry: {attempts: 2, delay: 1ms}}
  never: {after: [bad], run: echo no}
  many: {matrix: {n: [1, 2, 3]}, allow_failure: true, run: 'test ${{ matrix.n }} -ne 2', retry: {attempts: 1}}
  late: {after: [many], if: "steps.ok.state == 'failed'", run: echo no}
  last: {after: [ok, many], run: echo end}
finally: {run: echo cleaned up}
milestones: [{id: all, needs: [never]}]
"""

DYNAMIC = """
spec: 1
name: dynamic
steps:
  list: {run: 'echo "n=[1,2,3]" >> "$RUNNER_OUTPUT"', outputs: {n: {type: array, items: {type: integer}}}}
  each:
    for_each: ${{ steps.list.outputs.n }}
    allow_failure: true
    retry: {attempts: 1}
    run: test ${{ item }} -ne 2
  odd: {if: item != 2, for_each: '${{ steps.list.outputs.n }}', run: 'echo ${{ item }}'}
  none: {for_each: {items: '${{ steps.list.outputs.n.filter(one, one > 9) }}'}, run: 'echo ${{ item }}'}
  skipped: {if: size(steps.list.outputs.n) > 9, for_each: '${{ steps.list.outputs.n }}', run: 'echo ${{ item }}'}
  broken: {for_each: {items: '${{ [steps.list.outputs.n[9]] }}'}, run: 'echo ${{ item }}', allow_failure: true}
  again:
    after: [each, none]
    run: echo x >> tries; echo "n=$(wc -l < tries)" >> "$RUNNER_OUTPUT"
    outputs: {n: {type: integer}}
    repeat: {until: outputs.n >= 2, max: 3}
  group:
    matrix: {n: [1, 2]}
    run: echo ${{ matrix.n }}
    concurrency: {group: agree}
  never:
    allow_failure: true
    run: echo "n=1" >> "$RUNNER_OUTPUT"
    outputs: {n: {type: integer}}
    repeat: {until: outputs.n > 1, max: 2}
"""


def prepared(path: Path, folder: Path) -> tuple[bytes, dict[str, Any]]:
    """The spec's text and inputs that let it run on this machine in a second."""
    data = path.read_bytes()
    if path.stem == "webcontainer":  # npm tells how long it took, and of its own new versions
        assert b"run: npm ci\n" in data
        return data.replace(b"run: npm ci\n", b"run: npm ci --silent\n"), {}
    if path.stem != "self-check":
        return data, {}
    stand_in = folder / "stand-in"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    for name in ("source/runner/it.py", "source/tests/compiler/test_it.py", "source/pyproject.toml", "wheels/one.whl"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("pass")
    assert b"python3 -m venv" in data
    inputs = {"source": str(folder / "source"), "wheelhouse": str(folder / "wheels")}
    return data.replace(b"python3 -m venv", f"{stand_in} -m venv".encode()), inputs


async def story(
    plan: Plan, engine: Engine, folder: Path, environ: Mapping[str, str] = MappingProxyType({})
) -> tuple[Report, list[Event]]:
    """Run it in fake boxes on a store in memory; the report and the journals, verified: its own, then those below."""
    store = MemoryStore()
    secrets, children = prepare(plan, environ)
    await store.open()
    setup = Setup(
        store=store,
        engine=engine,
        providers={name: FakeSandbox(provider=name) for name in PROVIDERS},
        clock=SystemClock(),
        state=folder,
        spec=ROOT / "specs",
        facts={name: Fact(True, "a fake") for name in PROVIDERS},
        secrets=secrets,
        children=children,
        on_event=lambda event: approve(folder, event),
    )
    report = await execute(plan, setup, Control())
    events = await verified(store, report.run)
    below = {}
    for record in await store.runs():
        if isinstance(above := record.data["parent"], dict):
            assert above["run"] == report.run, "these specs run workflows one level deep"
            below[str(above["step"])] = await verified(store, record.key)
    events += [replace(event, step=f"{step}/{event.step or ''}") for step in sorted(below) for event in below[step]]
    await store.close()
    return report, events


def approve(folder: Path, event: Event) -> None:
    """Say yes to whatever the run asks, as a person does from another process."""
    if event.type == "approval.asked":
        assert event.step is not None
        texts = {name: "tested" for name, field in event.data["form"].items() if "default" not in field}
        question = str(event.data["question"])
        Inbox(folder, event.run).write(
            Request(new_id(), "approve", "ada", time.time(), event.step, question, values=texts)
        )


async def verified(store: MemoryStore, run: str) -> list[Event]:
    events = await store.events(run)
    verify(events, run, await store.head(run))
    return events


def lasting(value: Any) -> Any:
    """All but what may differ: the engine's name, chance (delays), ids of boxes, how long they lived and what that
    cost, digests of files with times, ids of people's answers and when they were given.
    """
    volatile = {"engine", "box", "delay", "digest", "run", "child", "artifact", "cost", "usd", "seconds"}
    volatile |= {"at", "until", "request"}
    if isinstance(value, dict):
        return {key: lasting(inner) for key, inner in value.items() if key not in volatile}
    return [lasting(inner) for inner in value] if isinstance(value, list) else value


def by_leg(events: list[Event]) -> dict[str | None, list[tuple[str, int | None, Any]]]:
    out = defaultdict(list)
    for event in events:
        if event.type == "step.waiting":  # who comes late to a concurrency group is chance
            continue
        out[event.step].append((event.type, event.attempt, lasting(event.data)))
    # Milestones are told, and shared boxes made and freed, in the order in which parallel work happens to end.
    for key in out:
        if key is None or key.endswith("/"):
            out[key].sort(key=in_any_order)
    return dict(out)


def in_any_order(told: tuple[str, int | None, Any]) -> tuple[bool, str]:
    """Events of the run itself stay in their order; the others are sorted."""
    return not told[0].startswith("run."), "" if told[0].startswith("run.") else repr(told)


def assert_order(plan: Plan, events: list[Event]) -> None:
    """No leg began before everything upstream of it had ended."""
    begins: dict[str, int] = {}
    ends: dict[str, int] = {}
    for event in events:
        if event.step is not None and event.type in ("step.started", "step.ready"):
            begins.setdefault(event.step, event.seq)
        if event.step is not None and event.type in ("step.succeeded", "step.failed", "step.skipped", "step.cancelled"):
            ends[event.step] = event.seq
    for step in plan.steps:
        for leg in legs_of(step):
            for up in step.after:
                for before in legs_of(plan.step(up)):
                    first = begins.get(leg.key, ends[leg.key])
                    assert ends[before.key] < first, f"{leg.key} began before {before.key} had ended"


def compare(plan: Plan, api: str, folder: Path) -> Report:
    local, told = asyncio.run(story(plan, LocalEngine(), folder / "local"))
    shown, told_too = asyncio.run(story(plan, PrefectEngine(api), folder / "prefect"))

    assert by_leg(told_too) == by_leg(told)
    assert_order(plan, told)
    assert_order(plan, told_too)
    assert shown.state == local.state
    assert {key: lasting(doc["outputs"]) for key, doc in shown.steps.items()} == {
        key: lasting(doc["outputs"]) for key, doc in local.steps.items()
    }
    return shown


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_spec_leaves_the_same_story_on_both_engines(path: Path, prefect_api: str, tmp_path: Path) -> None:
    data, inputs = prepared(path, tmp_path)
    plan = compile_plan(data, str(path), inputs, Surroundings(read=reader(str(path)))).plan
    assert plan is not None

    assert compare(plan, prefect_api, tmp_path).state == "succeeded"


def test_so_does_a_run_with_failures_retries_skips_and_a_last_step(prefect_api: str, tmp_path: Path) -> None:
    compilation = compile_plan(FAILING.encode(), "failing.yaml", {})
    assert compilation.plan is not None, compilation.diagnostics

    report = compare(compilation.plan, prefect_api, tmp_path)

    assert report.state == "failed"
    assert {key: doc["state"] for key, doc in report.steps.items()} == {
        "ok": "succeeded", "bad": "failed", "never": "skipped", "many[n=1]": "succeeded", "many[n=2]": "failed",
        "many[n=3]": "succeeded", "late": "skipped", "last": "succeeded", "finally": "succeeded",
    }  # fmt: skip


def test_so_does_a_run_whose_legs_appear_while_it_goes_on(prefect_api: str, tmp_path: Path) -> None:
    compilation = compile_plan(DYNAMIC.encode(), "dynamic.yaml", {})
    assert compilation.plan is not None, compilation.diagnostics

    report = compare(compilation.plan, prefect_api, tmp_path)

    assert report.state == "succeeded", report.document["message"]
    assert {key: doc["state"] for key, doc in report.steps.items() if key.startswith(("each", "odd"))} == {
        "each": "failed", "each[0]": "succeeded", "each[1]": "failed", "each[2]": "succeeded",
        "odd": "succeeded", "odd[0]": "succeeded", "odd[1]": "skipped", "odd[2]": "succeeded",
    }  # fmt: skip


CANARIES = """
spec: 1
name: canaries
secrets: {token: {env: CANARY}}
steps:
  say:
    env: {TOKEN: "${{ secrets.token }}"}
    run: |
      echo "it is $TOKEN"
      python3 -c 'import json, os; print("list=" + json.dumps([os.environ["TOKEN"]]))' >> "$RUNNER_OUTPUT"
    outputs: {list: {type: array, items: {type: string}}}
  each: {for_each: "${{ steps.say.outputs.list }}", run: 'echo ${{ item }}'}
  wrong:
    env: {TOKEN: "${{ secrets.token }}"}
    run: 'echo "n=$TOKEN" >> "$RUNNER_OUTPUT"'
    outputs: {n: {type: integer}}
    allow_failure: true
  gate: {after: [say], approve: {prompt: "Is it ${{ steps.say.outputs.list[0] }}?"}}
  fail: {after: [gate, wrong, each], env: {TOKEN: "${{ secrets.token }}"}, run: 'echo "no $TOKEN" >&2; exit 3'}
"""


def test_nothing_that_the_server_keeps_or_tells_has_a_secret_in_it(
    prefect_api: str, prefect_state: Path, tmp_path: Path
) -> None:
    plan = compile_plan(CANARIES.encode(), "canaries.yaml", {}).plan
    assert plan is not None
    report, _ = asyncio.run(story(plan, PrefectEngine(prefect_api), tmp_path, {"CANARY": CANARY}))
    assert report.state == "failed"

    def told(kind: str) -> bytes:
        body = {"flow_runs": {"name": {"like_": report.run}}} if kind.endswith("_runs") else {}
        return json.dumps(ask(prefect_api, f"/{kind}/filter", body), ensure_ascii=False).encode()

    end = time.monotonic() + 30
    while b"exit code 3: no ***" not in told("task_runs"):  # the server takes them in behind the run
        assert time.monotonic() < end, told("task_runs")
        time.sleep(0.2)
    for kind in ("flow_runs", "task_runs", "logs", "artifacts", "events"):
        assert not is_in(told(kind)), kind
    kept = server.folder(prefect_state)
    assert any(b"exit code 3: no ***" in file.read_bytes() for file in kept.rglob("*") if file.is_file())
    assert files_with(kept) == []
    assert files_with(tmp_path) == []


def test_the_comparison_sees_a_difference() -> None:
    def made(type_: str) -> Event:
        return Event("r", 1, "", type_, "a", 1, {"box": "b1", "exit_code": 1}, "")

    assert by_leg([made("step.failed")]) != by_leg([made("step.succeeded")])
    assert lasting({"box": "b1", "deep": [{"box": "b2", "x": 1}]}) == {"deep": [{"x": 1}]}
