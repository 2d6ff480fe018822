"""`runner deploy` against a real Prefect server: what it shows, what it writes, and that it is all or nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runner.cli.main import _run
from tests.prefect_api import ask

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

Runner = Callable[..., "Done"]

SITE = """
spec: 1
name: {name}
title: Build the site
inputs:
  target: {{type: string, enum: [dev, prod], default: dev, title: Target, description: Where it goes.}}
  shards: {{type: integer, minimum: 1, maximum: 8, default: 3}}
steps: {{build: {{run: "echo ${{{{ inputs.target }}}} ${{{{ inputs.shards }}}} built"}}}}
schedules:
  - {{id: weekly, cron: "0 9 * * MON", timezone: Europe/Berlin, inputs: {{target: prod}}}}
  - {{id: often, every: 6h}}
  - {{id: monthly, rrule: "FREQ=MONTHLY;BYMONTHDAY=1", active: false}}
"""


@pytest.fixture
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A project folder of a name that no other test has, with one spec."""
    folder = tmp_path / f"p-{abs(hash(request.node.nodeid)) % 10**9}-{os.getpid()}"
    (folder / "specs").mkdir(parents=True)
    (folder / "runner.toml").write_text("")
    write(folder, SITE.format(name=f"{folder.name}-site"), "site")
    return folder


def write(folder: Path, text: str, name: str) -> None:
    (folder / "specs" / f"{name}.yaml").write_text(textwrap.dedent(text).lstrip())


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    stdout: str
    stderr: str


@pytest.fixture
def runner(
    project: Path, prefect_api: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Runner:
    """The command line in this process, in the project's folder, with the test's Prefect server."""
    monkeypatch.chdir(project)

    def run(*arguments: str, api: str = prefect_api, code: int = 0) -> Done:
        monkeypatch.setenv("PREFECT_API_URL", api)
        monkeypatch.setattr(sys, "argv", ["runner", *arguments])
        capfd.readouterr()
        ended = _run()
        told = capfd.readouterr()
        assert ended == code, told.out + told.err
        return Done(told.out, told.err)

    return run


def stored(api: str, name: str) -> dict[str, Any] | None:
    found = ask(api, "/deployments/filter", {"deployments": {"name": {"any_": [name]}}})
    return found[0] if found else None


def everything(api: str) -> dict[str, Any]:
    """What the server has of this process's projects, without ids and times of writing."""
    mine = f"-{os.getpid()}-"
    return {
        one["name"]: {
            key: value
            for key, value in one.items()
            if key not in ("updated", "schedules", "labels", "status", "last_polled")
        }
        | {"schedules": sorted(json.dumps(each["schedule"]) + str(each["active"]) for each in one["schedules"])}
        for one in ask(api, "/deployments/filter", {"limit": 200})
        if mine in one["name"]
    }


def test_a_spec_becomes_a_deployment_with_its_form_and_its_schedules(
    runner: Runner, project: Path, prefect_api: str
) -> None:
    name = f"{project.name}-site"
    dry = runner("deploy", "--dry-run").stdout
    assert f"+ {name}" in dry
    assert "schedule weekly: cron 0 9 * * MON, Europe/Berlin" in dry
    assert dry.rstrip().endswith("1 to make")
    assert stored(prefect_api, name) is None, "--dry-run writes nothing"

    assert runner("deploy").stdout.rstrip().endswith("1 made")

    made = stored(prefect_api, name)
    assert made is not None
    target = made["parameter_openapi_schema"]["properties"]["target"]
    assert (target["enum"], target["default"], target["title"]) == (["dev", "prod"], "dev", "Target")
    assert made["description"] == "Build the site"
    assert made["work_pool_name"] == "runner"
    schedules = {one["slug"]: one for one in made["schedules"]}
    assert schedules["weekly"]["schedule"]["cron"] == "0 9 * * MON"
    assert schedules["weekly"]["parameters"] == {"target": "prod"}
    assert schedules["often"]["schedule"]["interval"] == 6 * 3600
    assert schedules["monthly"]["active"] is False
    version = json.loads(runner("plan", "specs/site.yaml", "--json").stdout)["digest"][:12]
    assert made["version"] == f"1.0.0+{version}"

    again = runner("deploy", "--dry-run", "--exit-code").stdout
    assert again.rstrip().endswith("1 unchanged"), "what was written is what is wanted"


def test_a_change_is_shown_part_by_part_and_drift_is_found(runner: Runner, project: Path, prefect_api: str) -> None:
    name = f"{project.name}-site"
    runner("deploy")
    text = SITE.format(name=name).replace("maximum: 8", "maximum: 9").replace("0 9 * * MON", "30 2 * * *")
    write(project, text, "site")

    shown = runner("deploy", "--dry-run", "--exit-code", code=1).stdout

    assert f"~ {name}" in shown
    assert '"maximum": 8' in shown
    assert '"maximum": 9' in shown
    assert "schedules.weekly" in shown
    assert "inputs.target" not in shown, "what is the same is not shown"
    body = json.loads(runner("deploy", "--json").stdout)
    assert [one["action"] for one in body["changes"]] == ["changed"]
    assert body["applied"] == [name]

    made = stored(prefect_api, name)
    assert made is not None
    ask(prefect_api, f"/deployments/{made['id']}", {"description": "changed by hand"}, method="PATCH")
    drift = runner("deploy", "--dry-run", "--exit-code", code=1).stdout
    assert "~ description: changed by hand → Build the site" in drift


def test_what_people_set_on_the_server_stays(runner: Runner, project: Path, prefect_api: str) -> None:
    name = f"{project.name}-site"
    runner("deploy")
    made = stored(prefect_api, name)
    assert made is not None
    weekly = next(one for one in made["schedules"] if one["slug"] == "weekly")
    ask(prefect_api, f"/deployments/{made['id']}/schedules/{weekly['id']}", {"active": False}, method="PATCH")
    own = {"schedule": {"cron": "0 1 * * *", "timezone": "UTC"}, "slug": "by-hand", "parameters": {"shards": 8}}
    ask(prefect_api, f"/deployments/{made['id']}/schedules", [own])  # type: ignore[arg-type]
    ask(prefect_api, f"/deployments/{made['id']}/pause_deployment", {})
    write(project, SITE.format(name=name).replace(" built", " again"), "site")

    shown = runner("deploy").stdout

    assert "schedule weekly is switched off on the server, and stays so" in shown
    assert "schedule by-hand was made on the server, and is kept" in shown
    assert "paused on the server" in shown
    after = stored(prefect_api, name)
    assert after is not None
    schedules = {one["slug"]: one for one in after["schedules"]}
    assert (schedules["weekly"]["active"], schedules["by-hand"]["parameters"]) == (False, {"shards": 8})
    assert (after["paused"], after["id"]) == (True, made["id"])

    write(project, SITE.format(name=name).replace("maximum: 8", "maximum: 5"), "site")
    refused = runner("deploy", code=1)
    assert "schedule by-hand" in refused.stderr
    assert "shards" in refused.stderr
    kept = stored(prefect_api, name)
    assert kept is not None
    assert kept["version"] == after["version"]


def test_prune_removes_what_no_spec_has_any_more_and_nothing_of_others(
    runner: Runner, project: Path, prefect_api: str
) -> None:
    write(project, SITE.format(name=f"{project.name}-old"), "old")
    runner("deploy")
    only = runner("deploy", "specs/site.yaml", "--dry-run", "--exit-code").stdout
    assert only.rstrip().endswith("1 unchanged"), "who names a spec asks about no other"
    (project / "specs" / "old.yaml").unlink()

    assert f"? {project.name}-old" in runner("deploy").stdout
    assert stored(prefect_api, f"{project.name}-old") is not None, "only --prune removes"
    assert "1 unchanged, 1 removed" in runner("deploy", "--prune").stdout
    assert stored(prefect_api, f"{project.name}-old") is None
    assert stored(prefect_api, f"{project.name}-site") is not None


def test_somebody_elses_deployment_is_not_taken_over_by_accident(
    runner: Runner, project: Path, prefect_api: str
) -> None:
    runner("deploy", "--project", "theirs")

    refused = runner("deploy", code=1)

    assert "is project theirs's" in refused.stderr
    assert "--adopt" in refused.stderr
    runner("deploy", "--adopt")
    made = stored(prefect_api, f"{project.name}-site")
    assert made is not None
    assert made["labels"]["runner.project"] == project.name


def test_an_apply_that_fails_halfway_leaves_the_server_as_it_was(
    runner: Runner, project: Path, prefect_api: str
) -> None:
    runner("deploy")
    before = everything(prefect_api)
    write(project, SITE.format(name=f"{project.name}-site").replace("maximum: 8", "maximum: 9"), "site")
    write(project, SITE.format(name=f"{project.name}-a"), "a")
    # The server writes a start in front of a rule, and then finds this one too long; `z` comes last.
    rule = "FREQ=MONTHLY;BYMONTHDAY=1\\nEXDATE:"
    days = [
        f"2027{month:02}{day:02}T{hour:02}0000" for month in range(1, 13) for day in range(1, 29) for hour in (0, 1)
    ]
    rule += ",".join(days[: (6500 - len(rule)) // 16])
    write(project, SITE.format(name=f"{project.name}-z").replace("FREQ=MONTHLY;BYMONTHDAY=1", rule), "z")

    failed = runner("deploy", code=1)

    assert "the server is as it was" in failed.stderr
    assert everything(prefect_api) == before
    flows = ask(prefect_api, "/flows/filter", {"flows": {"name": {"like_": f"{project.name}-"}}})
    assert [flow["name"] for flow in flows] == [f"{project.name}-site"]
    (project / "specs" / "z.yaml").unlink()
    assert "1 made, 1 changed" in runner("deploy").stdout


def test_an_apply_whose_process_dies_is_taken_back_by_the_next_one(
    runner: Runner, project: Path, prefect_api: str
) -> None:
    runner("deploy")
    before = everything(prefect_api)
    write(project, SITE.format(name=f"{project.name}-a"), "a")
    write(project, SITE.format(name=f"{project.name}-site").replace("maximum: 8", "maximum: 9"), "site")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, text=True, timeout=90, cwd=project, check=False,
        env={**os.environ, "PREFECT_API_URL": prefect_api}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert killed.returncode == -9, killed.stdout + killed.stderr
    assert everything(prefect_api) != before, "it was cut off halfway"

    runner("deploy", "--dry-run")
    for name in ("a", "site"):
        (project / "specs" / f"{name}.yaml").unlink()
    write(project, SITE.format(name=f"{project.name}-site"), "site")
    again = runner("deploy")

    assert "was cut off" in again.stderr
    assert again.stdout.rstrip().endswith("1 unchanged")
    assert everything(prefect_api) == before


#: `runner deploy` that is killed by the system after the second deployment that it writes.
KILLED = """
import os, signal, sys
from runner.flow.deploy.api import Api
put, count = Api.put_deployment, []
def killed(self, document):
    answer = put(self, document)
    count.append(1)
    if len(count) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
Api.put_deployment = killed
sys.argv = ["runner", "deploy"]
from runner.cli.main import main
main()
"""


def test_a_server_that_is_not_there_is_said_so(runner: Runner, free_port: int) -> None:
    refused = runner("deploy", api=f"http://127.0.0.1:{free_port}/api", code=4)
    assert f"no Prefect API answers on http://127.0.0.1:{free_port}/api" in refused.stderr


def test_a_spec_with_errors_deploys_nothing(runner: Runner, project: Path, prefect_api: str) -> None:
    write(project, "spec: 1\nname: broken\nsteps: {a: {run: x, after: [b]}}\n", "broken")
    refused = runner("deploy", code=1)
    assert "nothing was deployed" in refused.stderr
    assert stored(prefect_api, f"{project.name}-site") is None


def test_a_worker_elsewhere_runs_exactly_the_texts_that_were_checked(
    runner: Runner, project: Path, prefect_api: str
) -> None:
    write(project, f"spec: 1\nname: {project.name}-site\nsteps: {{build: {{run: echo as checked}}}}\n", "site")
    runner("deploy")
    write(project, f"spec: 1\nname: {project.name}-site\nsteps: {{build: {{run: echo changed since}}}}\n", "site")
    made = stored(prefect_api, f"{project.name}-site")
    assert made is not None
    run = ask(prefect_api, f"/deployments/{made['id']}/create_flow_run", {})
    environ = {**os.environ, "PREFECT_API_URL": prefect_api, "PREFECT_SERVER_EPHEMERAL_ENABLED": "false"}
    environ |= {"DO_NOT_TRACK": "1", "PREFECT__FLOW_RUN_ID": run["id"], "RUNNER_STATE": str(project / ".runner")}
    done = subprocess.run(
        [sys.executable, "-m", "prefect.engine"], env=environ, cwd=project / "specs", timeout=100, check=False,
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "as checked" in runner("logs", "last").stdout


def test_maintenance_is_deployed_beside_the_specs_and_neither_knows_the_other_as_gone(
    runner: Runner, project: Path, prefect_api: str
) -> None:
    runner("deploy")
    assert "4 made" in runner("deploy", "--maintenance").stdout
    assert "4 unchanged" in runner("deploy", "--maintenance", "--dry-run", "--exit-code").stdout
    assert runner("deploy", "--dry-run", "--exit-code", "--prune").stdout.endswith("\n1 unchanged\n")

    found = stored(prefect_api, f"{project.name}-maintenance-backup")
    assert found is not None
    assert found["entrypoint"] == "flows.maintenance.backup"
    assert list(found["parameter_openapi_schema"]["properties"]) == ["folder", "keep"]
    assert [one["schedule"]["cron"] for one in found["schedules"]] == ["30 2 * * *"]
    assert "goes with neither paths nor --prune" in runner("deploy", "--maintenance", "--prune", code=2).stderr
