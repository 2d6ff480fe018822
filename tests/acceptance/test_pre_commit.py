"""The hooks of `.pre-commit-hooks.yaml`, as another repository uses them: installed by pre-commit itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]

GOOD = 'spec: 1\nname: good\nsteps: {a: {run: "true"}}\n'
ROUGH = 'name:  good # it\nspec: 1\nsteps: {a: { run: "true" }}\n'
WRONG = 'spec: 1\nname: wrong\nsteps: {a: {run: "true", after: [bb]}, b: {run: "true"}}\n'
CONFIG = """
repos:
  - {{repo: "{hooks}", rev: "{rev}", hooks: [{{id: runner-validate}}, {{id: runner-fmt}}]}}
"""


@pytest.fixture(scope="module")
def try_hook(
    root: Path, tmp_path_factory: pytest.TempPathFactory, missing: Callable[[str], None]
) -> Callable[..., tuple[int, str]]:
    """Run one hook of this repository on the files of another one; give the exit code and what was printed."""
    if not (root / ".git").exists():
        missing("this is no git checkout, and pre-commit takes hooks from one")
    home = tmp_path_factory.mktemp("pre-commit")
    hooks = home / "hooks"  # what is committed: pre-commit takes nothing else
    subprocess.run(["git", "clone", "--quiet", str(root), str(hooks)], check=True, capture_output=True)
    head = subprocess.run(["git", "-C", str(hooks), "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    config = CONFIG.format(hooks=hooks, rev=head.stdout.strip())

    def run(folder: Path, hook: str, **files: str) -> tuple[int, str]:
        env = {**os.environ, "HOME": str(home), "PRE_COMMIT_HOME": str(home / "cache")}
        (folder / "specs").mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / "specs" / f"{name}.yaml").write_text(text)
        (folder / "other.yaml").write_text("a: [")
        (folder / ".pre-commit-config.yaml").write_text(config)
        for words in (["init", "--quiet"], ["add", "--all"]):
            subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, env=env)
        # What pre-commit installs for a revision it installs once: all tests use it.
        command = [sys.executable, "-m", "pre_commit", "run", hook, "--all-files", "--color", "never"]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout + done.stderr

    return run


def test_validate_passes_good_specs_and_leaves_other_files_alone(
    try_hook: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    code, out = try_hook(tmp_path, "runner-validate", good=GOOD)
    assert code == 0, out
    assert "Passed" in out


def test_validate_fails_with_the_findings(try_hook: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    code, out = try_hook(tmp_path, "runner-validate", good=GOOD, wrong=WRONG)
    assert code == 1, out
    assert "specs/wrong.yaml:3:34: error[needs-unknown]" in out
    assert "2 files checked: 1 error" in out


def test_fmt_writes_specs_and_fails_until_they_are_in_order(
    try_hook: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    code, out = try_hook(tmp_path, "runner-fmt", good=GOOD, rough=ROUGH)
    assert code == 1, out
    assert "files were modified by this hook" in out
    assert "formatted: specs/rough.yaml" in out
    assert (tmp_path / "specs" / "rough.yaml").read_text() == 'spec: 1\nname: good # it\nsteps: {a: {run: "true"}}\n'
    assert (tmp_path / "specs" / "good.yaml").read_text() == GOOD
    assert (tmp_path / "other.yaml").read_text() == "a: ["
    code, out = try_hook(tmp_path, "runner-fmt")
    assert code == 0, out
