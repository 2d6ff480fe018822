"""`scripts/web.sh` builds the browser side when it has changed, and does without it where npm or Node is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.acceptance

NEEDED = "sh cat cksum cp dirname env find ln ls mkdir mv rm sort touch xargs".split()  # noqa: SIM905
#: Does what the build does, and counts.
BUILD = """
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
mkdirSync(`${process.env.OUT}/host`, { recursive: true });
writeFileSync(`${process.env.OUT}/host/page.js`, process.versions.node);
appendFileSync(".cache/builds", "x");
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source tree with a browser side, and a folder of programs as the only ones on PATH."""
    for name in ("scripts", "bin", "web/host/src", "web/engine/src", "web/node_modules", "runner"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "web.sh", tmp_path / "scripts")
    (tmp_path / "web" / "package.json").write_text("{}")
    (tmp_path / "web" / "package-lock.json").write_text("{}")
    (tmp_path / "web" / "build.mjs").write_text(BUILD)
    (tmp_path / "web" / "licences.mjs").write_text("")
    (tmp_path / "web" / "host" / "src" / "page.ts").write_text("1\n")
    for name in NEEDED:
        found = shutil.which(name)
        assert found is not None
        (tmp_path / "bin" / name).symlink_to(found)
    return tmp_path


def web(tree: Path, word: str, **env: str) -> subprocess.CompletedProcess[str]:
    place = {"PATH": str(tree / "bin"), **env}
    return subprocess.run(
        ["sh", tree / "scripts" / "web.sh", word], env=place, capture_output=True, text=True, timeout=60
    )


def program(tree: Path, name: str, text: str) -> None:
    (tree / "bin" / name).write_text(f"#!{shutil.which('sh')}\n{text}\n")
    (tree / "bin" / name).chmod(0o755)


def real_node(tree: Path, place: str) -> None:
    node = shutil.which("node")
    driver = next(ROOT.glob(".venv/lib/python3*/site-packages/playwright/driver/node"), None)
    (tree / place).parent.mkdir(parents=True, exist_ok=True)
    (tree / place).symlink_to(driver or str(node))


@pytest.mark.parametrize("word", ["build", "check", "test"])
def test_without_npm_it_says_what_is_left_out(tree: Path, word: str) -> None:
    done = web(tree, word)
    assert done.returncode == 0
    assert "the browser side (WebContainers) is left out: npm is not installed" in done.stderr
    assert "apt-get install npm" in done.stderr
    assert web(tree, word, CI="true").returncode == 4


def test_packages_that_cannot_be_had_are_no_end_of_everything(tree: Path) -> None:
    program(tree, "npm", "echo 'npm error network' >&2; exit 1")
    done = web(tree, "build")
    assert done.returncode == 0
    assert "npm error network" in done.stderr
    assert "could not be installed" in done.stderr


def test_an_old_node_alone_does_not_build(tree: Path) -> None:
    program(tree, "npm", "exit 0")
    program(tree, "node", "exit 1")
    done = web(tree, "build")
    assert done.returncode == 0
    assert "Node 20.19 or newer is needed" in done.stderr


def test_where_node_is_too_old_playwright_s_builds(tree: Path) -> None:
    program(tree, "npm", 'echo "$@" >> calls; mkdir -p node_modules')
    program(tree, "node", "exit 1")
    real_node(tree, ".venv/lib/python3.11/site-packages/playwright/driver/node")
    done = web(tree, "build")
    assert done.returncode == 0, done.stderr
    assert (tree / "runner/data/web/host/page.js").read_text() == (tree / "web/dist/host/page.js").read_text()
    assert (tree / "web" / "calls").read_text() == "ci --ignore-scripts --no-audit --no-fund --loglevel=error\n"


def test_it_builds_again_only_when_something_has_changed(tree: Path) -> None:
    program(tree, "npm", "mkdir -p node_modules")
    real_node(tree, "bin/node")

    def builds() -> int:
        assert web(tree, "build").returncode == 0
        return len((tree / ".cache" / "builds").read_text())

    assert [builds(), builds()] == [1, 1]
    (tree / "web" / "host" / "src" / "page.ts").write_text("2\n")
    assert [builds(), builds()] == [2, 2]
    shutil.rmtree(tree / "runner" / "data")
    assert builds() == 3
    assert os.listdir(tree / "web" / "dist") == ["host"]  # noqa: PTH208


def test_a_build_that_fails_leaves_what_was_built(tree: Path) -> None:
    program(tree, "npm", "mkdir -p node_modules")
    real_node(tree, "bin/node")
    assert web(tree, "build").returncode == 0
    (tree / "web" / "build.mjs").write_text("process.exit(3);\n")
    assert web(tree, "build").returncode != 0
    assert (tree / "web/dist/host/page.js").is_file()
