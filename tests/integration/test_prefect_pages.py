"""What operators do in Prefect's pages, done there in a real browser: every spec deployed, a form filled in, a run
watched, cancelled, killed. Pictures of the pages go to the folder `ci-artifacts`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.prefect_api import ask, ask_until
from tests.prefect_browser import choose
from tests.prefect_worker import Server, children, command, launchers, status, until, working

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

SPECS = {
    "release": """\
title: Release the site
inputs:
  ring: {type: string, enum: [canary, early, all], default: canary, description: Who gets it first}
  share: {type: integer, minimum: 1, maximum: 100, default: 10, description: Percent of the ring}
steps:
  build: {title: Build the site, run: 'echo built'}
  tell: {title: Tell who gets it, after: [build], run: 'echo "${{ inputs.ring }} ${{ inputs.share }}"'}
""",
    "endless": "steps: {wait: {title: Wait for ever, run: 'echo begun; sleep 3600'}}\n",
    "twice": """\
steps:
  first: {title: Done once, run: 'echo one'}
  second: {title: Cut off, after: [first], run: 'echo begun; sleep 6; echo done'}
""",
    "often": """\
inputs: {who: {type: string, enum: [nobody, the-clock], default: nobody}}
schedules: [{id: ticking, every: 1m, inputs: {who: the-clock}}]
steps: {say: {run: 'echo "started by ${{ inputs.who }}"'}}
""",
}
ENDS = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class Pages:
    """A browser on the pages of a server. Every picture has the name of what can be seen on it."""

    def __init__(self, page: Any, ui: str, pictures: Path) -> None:
        self.page = page
        self._ui = ui
        self._pictures = pictures

    def open(self, path: str) -> None:
        self.page.goto(f"{self._ui}{path}")

    def picture(self, name: str) -> None:
        self._pictures.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self._pictures / f"{name}.png", full_page=True)

    def shows(self, text: str | re.Pattern[str]) -> None:
        """Wait until the page shows that."""
        self.page.get_by_text(text).first.wait_for()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, prefect_api: str, root: Path) -> Iterator[Path]:
    """A project with all specs of this one and those above, deployed to a pool of its own that a worker serves."""
    folder = tmp_path_factory.mktemp(f"pages-{os.getpid()}-")
    shutil.copytree(root / "specs", folder / "specs")
    (folder / "runner.toml").write_text("")
    for name, steps in SPECS.items():
        (folder / "specs" / f"{name}.yaml").write_text(f"spec: 1\nname: {folder.name}-{name}\n{steps}")
    command(folder, prefect_api, "deploy", "--pool", folder.name)
    with working(folder, prefect_api) as worker:
        (folder / "worker.pid").write_text(str(worker.pid))
        yield folder
    for each in ask(prefect_api, "/deployments/filter", {}):
        if each["work_pool_name"] == folder.name:
            ask(prefect_api, f"/deployments/{each['id']}", method="DELETE")


@pytest.fixture
def server(prefect_api: str) -> Server:
    return Server(prefect_api)


@pytest.fixture
def pages(page: Any, prefect_api: str, root: Path) -> Pages:
    return Pages(page, prefect_api.removesuffix("/api"), root / "ci-artifacts" / "prefect-pages")


@contextmanager
def on_failure(pages: Pages, name: str) -> Iterator[None]:
    """A picture of what was to be seen when an expectation failed."""
    try:
        yield
    except Exception:
        pages.picture(f"{name}-failed")
        raise


def runs_of(server: Server, id_: str) -> list[dict[str, Any]]:
    wanted = {"deployments": {"id": {"any_": [id_]}}, "sort": "START_TIME_DESC"}
    return [*server.ask("/flow_runs/filter", wanted)]


def begun(server: Server, run: str) -> str:
    """The id of our run in a flow run, as soon as the pages show output of a step that says `begun`."""
    wanted = {"logs": {"flow_run_id": {"any_": [run]}}}
    ask_until(server.api, "/logs/filter", wanted, lambda found: any(line["message"] == "begun" for line in found), 120)
    return str(server.ask(f"/flow_runs/{run}")["name"]).split()[0]


def test_every_spec_is_deployed_and_a_run_is_started_by_its_form_and_watched_to_its_end(
    server: Server, project: Path, pages: Pages, prefect_api: str
) -> None:
    for path in sorted((project / "specs").glob("*.yaml")):
        name = str(json.loads(command(project, prefect_api, "plan", str(path), "--json"))["name"])
        server.deployment(name)
    pages.open("/deployments")
    with on_failure(pages, "deployments"):
        # Other specs may fill more than one page.
        pages.page.get_by_placeholder("Search deployments").fill("action-plan")
        pages.shows("prototype-action-plan")
        pages.picture("1-deployments")
    release = server.deployment(f"{project.name}-release")

    with on_failure(pages, "form"):
        pages.open(f"/deployments/deployment/{release}")
        pages.page.get_by_role("button", name="Run", exact=True).first.click()
        pages.page.get_by_text("Custom run").first.click()
        fields = pages.page.locator(".p-label")
        choose(pages.page, fields.filter(has_text="Who gets it first"), "early")
        share = fields.filter(has_text="Percent of the ring").locator("input")
        assert share.input_value() == "10", "the default is not filled in"
        share.fill("42")
        pages.picture("2-form")
        pages.page.get_by_role("button", name="Submit").click()
        until(lambda: bool(runs_of(server, release)))

    (run,) = (str(each["id"]) for each in runs_of(server, release))
    pages.open(f"/runs/flow-run/{run}")
    assert server.wait(run, *ENDS, seconds=120) == "COMPLETED"
    with on_failure(pages, "ended"):
        pages.shows("Completed")
        pages.shows("early 42")
        pages.picture("3-ended")
        pages.page.locator("#task-runs").click()
        pages.shows("tell: Tell who gets it")
        pages.picture("4-task-runs")
        pages.page.locator("#artifacts").click()
        pages.shows(re.compile("-release-plan", re.IGNORECASE))
        pages.picture("5-artifacts")


def test_a_run_is_cancelled_by_its_button_and_its_box_is_gone(
    server: Server, project: Path, pages: Pages, prefect_api: str
) -> None:
    run = server.trigger(f"{project.name}-endless")
    ours = begun(server, run)
    assert [box["state"] for box in status(project, prefect_api, ours)["boxes"]] == ["live"]

    pages.open(f"/runs/flow-run/{run}")
    with on_failure(pages, "cancel"):
        pages.page.get_by_role("button", name="Cancel", exact=True).first.click()
        pages.page.get_by_role("button", name="Confirm").click()
        assert server.wait(run, *ENDS, seconds=120) == "CANCELLED"
        pages.open(f"/runs/flow-run/{run}")
        pages.page.get_by_text("Cancelled", exact=True).first.wait_for()
        pages.picture("6-cancelled")

    until(lambda: status(project, prefect_api, ours)["run"]["state"] == "cancelled")
    assert all(box["state"] != "live" for box in status(project, prefect_api, ours)["boxes"])
    until(lambda: not sleeping(project), 60)


def sleeping(project: Path) -> list[int]:
    """What still runs of the step that waits for ever, below this project's worker."""
    below = children(int((project / "worker.pid").read_text()))
    shown = subprocess.run(["ps", "-o", "pid=,args=", "-p", ",".join(map(str, below)) or "0"],
                           capture_output=True, text=True, check=False).stdout  # fmt: skip
    return [int(line.split()[0]) for line in shown.splitlines() if line.endswith("sleep 3600")]


def test_a_run_whose_process_is_killed_goes_on_and_its_page_shows_the_end(
    server: Server, project: Path, pages: Pages, prefect_api: str
) -> None:
    worker = int((project / "worker.pid").read_text())
    before = set(launchers(worker))
    run = server.trigger(f"{project.name}-twice")
    ours = begun(server, run)
    # The clock may have started another run meanwhile: it is cut off too, and goes on too.
    for pid in set(launchers(worker)) - before:
        os.kill(pid, signal.SIGKILL)

    pages.open(f"/runs/flow-run/{run}")
    assert server.wait(run, "COMPLETED", "FAILED", "CANCELLED", seconds=120) == "COMPLETED"

    attempts = {one["leg"]: one["attempt"] for one in status(project, prefect_api, ours)["steps"]}
    assert attempts == {"first": 1, "second": 2}
    pages.open(f"/runs/flow-run/{run}")
    with on_failure(pages, "killed"):
        pages.page.get_by_text("Completed", exact=True).first.wait_for()
        pages.page.locator("#task-runs").click()
        pages.shows("second: Cut off")
        pages.picture("7-killed-and-gone-on")


def test_a_schedule_starts_runs_with_its_own_inputs(
    server: Server, project: Path, pages: Pages, prefect_api: str
) -> None:
    often = server.deployment(f"{project.name}-often")

    def done() -> list[dict[str, Any]]:
        return [each for each in runs_of(server, often) if each["state_type"] in ENDS]

    until(lambda: bool(done()), 180)
    run = done()[-1]

    assert (run["state_type"], run["auto_scheduled"]) == ("COMPLETED", True)
    said = command(project, prefect_api, "logs", str(run["name"]).split()[0])
    assert "started by the-clock" in said
    pages.open(f"/runs/flow-run/{run['id']}")
    with on_failure(pages, "scheduled"):
        pages.shows("started by the-clock")
        pages.picture("8-scheduled")
