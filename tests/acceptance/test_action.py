"""`action.yml` in a real workflow run: `act` in host mode, the action from this checkout, a repository with specs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]

WORKFLOW = """\
on: push
permissions: {}
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: runner
        uses: ./runner-action
        with: {paths: specs, sarif: out.sarif, strict: "STRICT", diff: "DIFF"}
      - if: always()
        run: |
          echo "errors=${{ steps.runner.outputs.errors }} warnings=${{ steps.runner.outputs.warnings }}"
          tr -d '\\n ' < out.sarif
          cat "$GITHUB_STEP_SUMMARY"
"""
GOOD = 'spec: 1\nname: good\nsteps: {a: {run: "true"}}\n'
WARNED = 'spec: 1\nname: warned\nsecrets: {t: {env: T}}\nsteps: {a: {run: "true"}}\n'
WRONG = 'spec: 1\nname: wrong\nsteps: {a: {run: "true", after: [bb]}, b: {run: "true"}}\n'
_TOOLS = Path(sys.executable).parent


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(root: Path, tmp_path: Path, missing: Callable[[str], None]) -> Path:
    """A git repository with the action in the folder `runner-action` and a workflow that uses it."""
    if shutil.which("act", path=_TOOLS) is None:
        missing("act is not installed: uv sync --all-groups")
    folder = tmp_path / "repository"
    shutil.copytree(
        root, folder / "runner-action", ignore=shutil.ignore_patterns(".*", "tests", "benchmarks", "__pycache__")
    )
    (folder / ".github" / "workflows").mkdir(parents=True)
    (folder / "specs").mkdir()
    git(folder, "init", "--quiet")
    return folder


def act(repository: Path, *, strict: bool = False, diff: str = "", **specs: str) -> tuple[int, str]:
    """Run the workflow on these specs; give act's exit code and the lines of the job."""
    workflow = WORKFLOW.replace("STRICT", str(strict).lower()).replace("DIFF", diff)
    (repository / ".github" / "workflows" / "check.yaml").write_text(workflow)
    for name, text in specs.items():
        (repository / "specs" / f"{name}.yaml").write_text(text)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "specs")
    home = repository.parent / "home"
    env = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "CI": ""}
    command = [str(_TOOLS / "act"), "push", "--platform", "ubuntu-latest=-self-hosted", "--pull=false"]
    done = subprocess.run(command, cwd=repository, env=env, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def test_good_specs_pass_and_their_log_is_empty(repository: Path) -> None:
    code, out = act(repository, good=GOOD)
    assert code == 0, out
    assert "errors=0 warnings=0" in out


def test_findings_become_annotations_outputs_and_sarif(repository: Path) -> None:
    code, out = act(repository, good=GOOD, wrong=WRONG, warned=WARNED)
    assert code == 1, out
    assert re.search(r"the step `bb` does not exist", out)
    assert "errors=1 warnings=1" in out
    log = re.search(r'\| (\{"\$schema".*\})$', out, re.MULTILINE)
    assert log is not None, out
    results = json.loads(log[1])["runs"][0]["results"]
    assert sorted(result["ruleId"] for result in results) == ["needs-unknown", "secret-unused"]


def test_strict_fails_for_a_warning(repository: Path) -> None:
    assert act(repository, strict=True, warned=WARNED)[0] == 1


def test_what_a_change_does_is_in_the_summary_of_the_job(repository: Path) -> None:
    (repository / "specs" / "good.yaml").write_text(GOOD)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "before")
    git(repository, "tag", "before")
    code, out = act(repository, diff="before", good=GOOD.replace('"true"', "make all"))
    assert code == 0, out
    assert "### Plans since `before`: 1 spec differs" in out
    assert "changed `a.does`: `true` → `make all`" in out
    code, out = act(repository, diff="nowhere", good=GOOD)
    assert code == 1, out
    assert "this checkout does not have the revision of `diff`" in out


def test_the_action_is_clean_in_the_eyes_of_its_linters(root: Path, missing: Callable[[str], None]) -> None:
    for command in (["zizmor", "--offline", "--quiet", "action.yml"], ["shellcheck", "scripts/action.sh"]):
        program = shutil.which(command[0], path=_TOOLS)
        if program is None:
            missing(f"{command[0]} is not installed: uv sync --all-groups --all-extras")
        done = subprocess.run([str(program), *command[1:]], cwd=root, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
