"""`flows/run_spec.py:<spec name>`: Prefect finds, shows and runs a spec without knowing what a spec is."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.embedded.e2b.launch import launch
from runner.errors import SandboxMissing
from runner.run.owner import label
from runner.run.ports import BoxRequest
from runner.sandbox.e2b import E2BSandbox
from tests.prefect_api import ask, ask_until

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]


def python(code: str, api: str, state: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {
        **os.environ,
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "RUNNER_STATE": str(state),
        **more,
    }
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=environ, cwd=ROOT, stdin=subprocess.DEVNULL
    )


DEPLOY_AND_RUN = """
    import os, subprocess, sys
    from prefect.client.orchestration import get_client
    from prefect.deployments.runner import RunnerDeployment

    deployment = RunnerDeployment.from_entrypoint("flows/run_spec.py:hello", name="by-test").apply()
    with get_client(sync_client=True) as client:
        run = client.create_flow_run_from_deployment(deployment, parameters={"who": "Prefect"})
    print(run.id)
    # What a process worker starts for each run:
    environ = {**os.environ, "PREFECT__FLOW_RUN_ID": str(run.id)}
    subprocess.run([sys.executable, "-m", "prefect.engine"], env=environ, check=True)
"""


def test_a_deployment_has_the_specs_form_and_a_worker_runs_it(prefect_api: str, tmp_path: Path) -> None:
    done = python(DEPLOY_AND_RUN, prefect_api, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr

    deployment = ask(prefect_api, "/deployments/filter", {"deployments": {"name": {"any_": ["by-test"]}}})[0]
    assert deployment["parameter_openapi_schema"]["properties"]["who"]["default"] == "world"
    assert deployment["entrypoint"] == "flows/run_spec.py:hello"

    body = {"flow_runs": {"id": {"any_": [done.stdout.split()[0]]}}}
    flow_run = ask_until(prefect_api, "/flow_runs/filter", body, lambda found: found[0]["state"] is not None)[0]
    assert flow_run["state_type"] == "COMPLETED", flow_run["state"]
    run, name = flow_run["name"].split()
    assert name == "hello"
    status = subprocess.run(
        [sys.executable, "-m", "runner", "status", run, "--state", str(tmp_path), "--json"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert status.returncode == 0, status.stderr
    assert '"Prefect"' in status.stdout


def test_inputs_are_checked_again_and_the_run_fails_with_a_sentence(prefect_api: str, tmp_path: Path) -> None:
    code = """
        import asyncio
        from flows import run_spec
        state = asyncio.run(run_spec.hello(who=3, return_state=True))
        print(state.type.value, state.message)
    """
    done = python(code, prefect_api, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("FAILED")
    assert "`who`" in done.stdout


def test_a_spec_that_is_missing_or_broken_is_told_when_it_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("spec: 1\nname: broken\nsteps: {a: {run: true, nope: 1}}\n")
    (tmp_path / "other.yaml").write_text("spec: 1\nname: inside\ntitle: T\nsteps: {a: {run: 'true'}}\n")
    code = """
        from flows import run_spec
        print(run_spec.inside.name, run_spec.inside.description)
        for name in ("broken", "absent"):
            try:
                getattr(run_spec, name)
            except Exception as error:
                print(type(error).__name__, error)
    """
    done = python(code, "http://127.0.0.1:9/api", tmp_path, RUNNER_SPECS=str(tmp_path))
    assert done.returncode == 0, done.stderr
    first, broken, absent = done.stdout.splitlines()
    assert first == "inside T"
    assert broken.startswith("SpecError")
    assert "broken.yaml has errors" in broken
    assert absent == f"AttributeError no spec in {tmp_path} is called absent"


def test_a_spec_that_runs_others_is_one_flow_run_with_a_task_run_for_each_step(
    prefect_api: str, tmp_path: Path
) -> None:
    code = """
        import asyncio
        from flows import run_spec
        state = asyncio.run(run_spec.compose(return_state=True))
        print(state.type.value, state.state_details.flow_run_id)
    """
    done = python(code, prefect_api, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    kind, flow_run = done.stdout.split()[-2:]
    assert kind == "COMPLETED"
    expected = ["bind", "cover", "page[number=1]", "page[number=2]"]
    for _ in range(60):  # the server writes task runs down from events, a while after the flow has ended
        runs = ask(prefect_api, "/task_runs/filter", {"flow_runs": {"id": {"any_": [flow_run]}}})
        names = sorted(run["name"] for run in runs)
        if names == expected:
            break
        time.sleep(0.5)
    assert names == expected
    status = subprocess.run(
        [sys.executable, "-m", "runner", "status", "--state", str(tmp_path), "--json"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert [run["name"] for run in json.loads(status.stdout)].count("page") == 3


def test_housekeeping_frees_what_a_killed_run_left_and_nothing_else(
    prefect_api: str, tmp_path: Path, missing: Callable[[str], None]
) -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    dead = json.dumps({**label(), "pid": child.pid, "ticks": 1})
    code = "import asyncio; from flows import maintenance; asyncio.run(maintenance.reap())"

    async def scenario() -> None:
        async with launch() as endpoint:
            sandbox = E2BSandbox(endpoint.api_key, endpoint.api_url, endpoint.sandbox_url)
            left = await sandbox.create(BoxRequest(labels={"runner": "1", "run": "r1", "owner": dead}))
            other = await sandbox.create(BoxRequest(labels={"runner": "1", "run": "r2", "owner": json.dumps(label())}))
            done = await asyncio.to_thread(python, code, prefect_api, tmp_path, **endpoint.exports())
            assert done.returncode == 0, done.stdout + done.stderr
            assert f"freed the box {left.id} of run r1" in done.stdout + done.stderr
            assert [info.id for info in await sandbox.list({})] == [other.id]

    try:
        asyncio.run(scenario())
    except SandboxMissing as error:
        missing(f"{error} {error.hint}")
