"""The Prefect engine on a real server: what its pages show of a run, and that it is an engine like any other."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from runner.compiler.plan.model import Leg, Milestone, Plan, PlanStep, Retry
from runner.errors import EngineUnavailable
from runner.flow.engine import PrefectEngine
from runner.flow.pages.pages import Pages as RunPages
from runner.run.engine_conformance import CHECKS, Check
from runner.run.ports import LegOutcome, RunState, StepHost
from tests.prefect_api import ask, ask_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(120),
    # Prefect's flow engine leaves one connection of a synchronous client to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning"),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_it_passes_the_engine_suite(check: Check, prefect_api: str) -> None:
    asyncio.run(check.run(lambda: PrefectEngine(prefect_api)))


class Pages:
    """What the server's pages are made of."""

    def __init__(self, api: str) -> None:
        self._api = api

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return ask(self._api, path, body)

    def get(self, path: str) -> Any:
        return ask(self._api, path)

    def flow_run(self, name: str) -> dict[str, Any]:
        """The one flow run of that name, as soon as its state is written down."""
        body = {"flow_runs": {"name": {"any_": [name]}}}
        found = ask_until(self._api, "/flow_runs/filter", body, lambda found: len(found) == 1 and found[0]["state"])
        return dict(found[0])

    def task_runs(self, flow_run: str, states: set[str], count: int) -> dict[str, dict[str, Any]]:
        """The task runs by name, as soon as there are `count` of them, all in these types of state."""

        def all_there(found: list[dict[str, Any]]) -> bool:
            return len(found) == count and all(run["state"] and run["state_type"] in states for run in found)

        body = {"flow_runs": {"id": {"any_": [flow_run]}}}
        return {run["name"]: run for run in ask_until(self._api, "/task_runs/filter", body, all_there)}


@pytest.fixture
def pages(prefect_api: str) -> Pages:
    return Pages(prefect_api)


def step(id_: str, *after: str, legs: tuple[str, ...] = (), **more: Any) -> PlanStep:
    return PlanStep(id=id_, kind="run", action={}, after=after, legs=tuple(Leg(key) for key in legs or (id_,)), **more)


def plan(*steps: PlanStep, name: str, inputs: dict[str, Any] | None = None, schema: Any = None) -> Plan:
    schema = schema or {"type": "object", "properties": {}}
    return Plan(name, "A title", "What it does.", {}, schema, inputs or {}, steps, {}, digest="0123456789abcdef" * 4)


def run(api: str, plan: Plan, run_id: str, ends: dict[str, LegOutcome], state: RunState) -> RunState:
    async def body(host: StepHost) -> RunState:
        for step in plan.steps:
            upstream = [leg.key for up in step.after for leg in plan.step(up).legs or ()]
            for leg in step.legs or ():

                async def work(key: str = leg.key) -> LegOutcome:
                    return ends.get(key, LegOutcome(key, "succeeded"))

                await host.leg(step, leg, upstream, work)
        return state

    return asyncio.run(PrefectEngine(api).run(plan, run_id, body))


FINAL = {"COMPLETED", "FAILED", "CANCELLED"}


def test_names_edges_states_tags_and_parameters_are_shown(prefect_api: str, pages: Pages) -> None:
    shown = plan(
        step("install", phase="build", owner="reviewer"),
        step("test", "install", legs=("test[shard=0]", "test[shard=1]")),
        step("gate", "install", "test"),
        step("after", "gate"),
        name="shown",
        inputs={"target": "prod", "wait_for": 3},
        schema={"type": "object", "properties": {"target": {"enum": ["dev", "prod"]}, "wait_for": {"type": "integer"}}},
    )
    ends = {
        "test[shard=1]": LegOutcome("test[shard=1]", "failed", "exit code 2"),
        "gate": LegOutcome("gate", "skipped", "test[shard=1] failed"),
        "after": LegOutcome("after", "cancelled", "stopped"),
    }

    assert run(prefect_api, shown, "r-0001", ends, "failed") == "failed"

    flow_run = pages.flow_run("r-0001 shown")
    assert flow_run["state_type"] == "FAILED"
    assert flow_run["state"]["message"] == "failed: test[shard=1]"
    assert flow_run["parameters"] == {"target": "prod", "input_wait_for": 3}
    assert flow_run["flow_version"] == "1.0.0+0123456789ab"
    assert pages.get(f"/flows/{flow_run['flow_id']}")["name"] == "shown"

    runs = pages.task_runs(flow_run["id"], FINAL, 5)
    assert {name: (run["state_type"], run["state_name"], run["state"]["message"]) for name, run in runs.items()} == {
        "install": ("COMPLETED", "Completed", ""),
        "test[shard=0]": ("COMPLETED", "Completed", ""),
        "test[shard=1]": ("FAILED", "Failed", "exit code 2"),
        "gate": ("COMPLETED", "Skipped", "test[shard=1] failed"),
        "after": ("CANCELLED", "Cancelled", "stopped"),
    }
    assert sorted(runs["install"]["tags"]) == ["kind:run", "owner:reviewer", "phase:build"]
    names = {run["id"]: name for name, run in runs.items()}
    edges = {name: {names[up["id"]] for ups in run["task_inputs"].values() for up in ups} for name, run in runs.items()}
    assert edges == {
        "install": set(),
        "test[shard=0]": {"install"},
        "test[shard=1]": {"install"},
        "gate": {"install", "test[shard=0]", "test[shard=1]"},
        "after": {"gate"},
    }
    graph = pages.get(f"/flow_runs/{flow_run['id']}/graph-v2")
    drawn = {node["label"]: {names[up["id"]] for up in node["parents"]} for _, node in graph["nodes"]}
    assert drawn == edges


def test_a_task_run_shows_its_name_its_milestones_its_retries_and_its_output(prefect_api: str, pages: Pages) -> None:
    build = step("build", ref="1.1", title="Build {it}", retry=Retry(attempts=3, delay=5.0))
    told = replace(plan(build, name="Told"), milestones=(Milestone("w1", needs=("build",)),))
    here = RunPages()

    async def body(host: StepHost) -> RunState:
        async def work() -> LegOutcome:
            here.text("build", "stdout", "first\nsecond\n")
            return LegOutcome("build", "succeeded")

        await host.leg(build, Leg("build"), (), work)
        return "succeeded"

    asyncio.run(PrefectEngine(prefect_api).showing(here).run(told, "r-0009", body))

    flow_run = pages.flow_run("r-0009 Told")
    shown = pages.task_runs(flow_run["id"], FINAL, 1)["1.1 build: Build {it}"]
    assert "milestone:w1" in shown["tags"]
    assert (shown["empirical_policy"]["retries"], shown["empirical_policy"]["retry_delay"]) == (2, 5.0)
    lines = pages.post("/logs/filter", {"logs": {"task_run_id": {"any_": [shown["id"]]}}, "sort": "TIMESTAMP_ASC"})
    assert [line["message"] for line in lines if line["name"] == "stdout"] == ["first", "second"]
    kept = pages.post("/artifacts/filter", {"flow_runs": {"id": {"any_": [flow_run["id"]]}}})
    assert sorted(each["key"] for each in kept) == ["told-milestones", "told-plan", "told-run", "told-steps"]


@pytest.mark.parametrize(
    ("state", "type_"), [("succeeded", "COMPLETED"), ("failed", "FAILED"), ("cancelled", "CANCELLED")]
)
def test_the_flow_run_ends_as_the_run(prefect_api: str, pages: Pages, state: RunState, type_: str) -> None:
    assert run(prefect_api, plan(step("a"), name=f"ends-{state}"), "r-0002", {}, state) == state
    assert pages.flow_run(f"r-0002 ends-{state}")["state_type"] == type_


def test_a_cancelled_run_is_shown_as_cancelled_with_its_leg(prefect_api: str, pages: Pages) -> None:
    stopped, going = plan(step("slow"), step("never", "slow"), name="stopped"), asyncio.Event()

    async def slow() -> LegOutcome:
        going.set()
        await asyncio.sleep(60)
        return LegOutcome("slow", "succeeded")

    async def body(host: StepHost) -> RunState:
        await host.leg(stopped.steps[0], Leg("slow"), (), slow)
        return "succeeded"

    async def main() -> None:
        task = asyncio.ensure_future(PrefectEngine(prefect_api).run(stopped, "r-0003", body))
        await going.wait()
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())

    flow_run = pages.flow_run("r-0003 stopped")
    assert flow_run["state_type"] == "CANCELLED"
    assert pages.task_runs(flow_run["id"], FINAL, 1)["slow"]["state_type"] == "CANCELLED"


def test_what_an_error_says_stays_out_of_prefect(prefect_api: str, pages: Pages) -> None:
    leaky = plan(step("a"), name="leaky")

    async def fail() -> LegOutcome:
        raise ValueError("the password is hunter2")

    async def body(host: StepHost) -> RunState:
        await host.leg(leaky.steps[0], Leg("a"), (), fail)
        return "succeeded"

    with pytest.raises(ValueError, match="hunter2"):
        asyncio.run(PrefectEngine(prefect_api).run(leaky, "r-0004", body))

    flow_run = pages.flow_run("r-0004 leaky")
    runs = pages.task_runs(flow_run["id"], FINAL, 1)
    logs = pages.post("/logs/filter", {"logs": {"flow_run_id": {"any_": [flow_run["id"]]}}})
    assert flow_run["state"]["message"] == runs["a"]["state"]["message"] == "runner failed: ValueError"
    assert "hunter2" not in json.dumps([flow_run, runs, logs])


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:9/api", "not a url"])
def test_without_a_server_the_body_is_not_called_and_the_remedy_is_named(url: str | None) -> None:
    async def body(host: StepHost) -> RunState:
        raise AssertionError("called")

    with pytest.raises(EngineUnavailable) as error:
        asyncio.run(PrefectEngine(url).run(plan(name="nowhere"), "r-0005", body))

    assert "runner up" in error.value.hint
    assert error.value.exit_code == 4


def test_an_api_that_wants_credentials_is_told_from_one_that_is_away() -> None:
    class Closed(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    async def body(host: StepHost) -> RunState:
        raise AssertionError("called")

    with ThreadingHTTPServer(("127.0.0.1", 0), Closed) as closed:
        thread = threading.Thread(target=closed.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{closed.server_port}/api"
        try:
            with pytest.raises(EngineUnavailable, match="asks for credentials") as error:
                asyncio.run(PrefectEngine(url, patience=1.0).run(plan(name="closed"), "r-0007", body))
        finally:
            closed.shutdown()
            thread.join()
    assert "PREFECT_API_KEY" in error.value.hint


def test_the_programs_own_handler_of_sigterm_stays_in_charge(prefect_api: str) -> None:
    async def main() -> RunState:
        told = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)

        async def body(host: StepHost) -> RunState:
            os.kill(os.getpid(), signal.SIGTERM)
            await told.wait()
            return "cancelled"

        return await PrefectEngine(prefect_api).run(plan(name="told"), "r-0008", body)

    assert asyncio.run(main()) == "cancelled"


def test_another_version_of_prefect_gets_the_public_way_with_the_same_picture(
    prefect_api: str, pages: Pages, monkeypatch
) -> None:
    from runner.flow import legs

    assert legs.fast_path(), "the installed Prefect is not among legs.ENGINE_VERSIONS: read its task engine first"
    monkeypatch.setattr(legs, "ENGINE_VERSIONS", ("0.",))
    other = plan(
        step("a", phase="p", ref="1", title="{t}"), step("b[v={1}]", "a"), step("c", "b[v={1}]"), name="other-version"
    )
    ends = {"a": LegOutcome("a", "failed", "exit code 1"), "b[v={1}]": LegOutcome("b[v={1}]", "skipped", "a failed")}

    assert run(prefect_api, other, "r-0006", ends, "failed") == "failed"

    runs = pages.task_runs(pages.flow_run("r-0006 other-version")["id"], FINAL, 3)
    runs["a"] = runs.pop("1 a: {t}")
    names = {run["id"]: name for name, run in runs.items()}
    assert {
        name: (run["state_name"], {names[up["id"]] for ups in run["task_inputs"].values() for up in ups})
        for name, run in runs.items()
    } == {"a": ("Failed", set()), "b[v={1}]": ("Skipped", {"a"}), "c": ("Completed", {"b[v={1}]"})}
    assert "phase:p" in runs["a"]["tags"]
