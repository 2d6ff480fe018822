"""`make` on a machine that lacks something says what, and how to get it; the wheel carries what it needs."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.acceptance


def bootstrap(folder: Path, python: str) -> subprocess.CompletedProcess[str]:
    """The setup script in a folder of its own, where it has nothing to build on."""
    (folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "bootstrap.sh", folder / "scripts")
    env = {"PATH": os.environ["PATH"], "PYTHON": python}
    return subprocess.run(
        ["sh", "scripts/bootstrap.sh"], cwd=folder, env=env, capture_output=True, text=True, timeout=30
    )


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_without_python_the_package_to_install_is_named(tmp_path: Path) -> None:
    done = bootstrap(tmp_path, "python-that-is-not-there")
    assert done.returncode == 4
    assert "python-that-is-not-there is not installed" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_a_python_that_is_too_old_is_refused_with_its_version(tmp_path: Path) -> None:
    old = program(tmp_path / "old", 'case "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac')
    done = bootstrap(tmp_path, old)
    assert done.returncode == 4
    assert "Python 3.9.2 is too old" in done.stderr
    assert "3.11" in done.stderr


def test_a_python_without_venv_names_the_package(tmp_path: Path) -> None:
    bare = program(tmp_path / "bare", f'case "$*" in *ensurepip*) exit 1;; *) exec "{sys.executable}" "$@";; esac')
    done = bootstrap(tmp_path, bare)
    assert done.returncode == 4
    assert "apt-get install python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("end", ["success", "failure", signal.SIGINT, signal.SIGTERM])
def test_the_demonstration_stops_its_server_however_it_ends(tmp_path: Path, end: str | signal.Signals) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "demo.sh", tmp_path / "scripts")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    told = tmp_path / "told"
    act = {"success": "true", "failure": "exit 4"}.get(str(end), "touch begun; exec sleep 20")
    program(tmp_path / ".venv" / "bin" / "runner", f'echo "$1" >> "{told}"; case "$1" in run) {act};; esac')
    demo = subprocess.Popen(
        ["sh", "scripts/demo.sh"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        process_group=0,
        stdout=subprocess.DEVNULL,
    )
    if isinstance(end, signal.Signals):
        while not (tmp_path / "begun").exists():
            assert demo.poll() is None
            time.sleep(0.01)
        os.killpg(demo.pid, end)
    code = demo.wait(timeout=30)
    assert code == {"success": 0, "failure": 4, signal.SIGINT: 130, signal.SIGTERM: 143}[end]
    rest = ["status", "audit"] if end == "success" else []
    assert told.read_text().split() == ["validate", "plan", "up", "run", *rest, "down"]


def test_the_wheel_carries_schemas_specs_pages_and_entry_points(tmp_path: Path, missing: Callable[[str], None]) -> None:
    if not (ROOT / "runner" / "data" / "web").is_dir():
        missing("the pages of WebContainers are not built: make web")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (wheel,) = tmp_path.glob("runner-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"runner/data/schemas/{path.name}" for path in (ROOT / "schemas").iterdir()} <= names
    specs = [path.relative_to(ROOT) for path in (ROOT / "specs").rglob("*.yaml")]
    assert {f"runner/data/{path.as_posix()}" for path in specs} <= names
    assert "runner/data/docs/checks.md" in names  # `runner explain` reads it
    assert {"flows/run_spec.py", "runner/store/queries.surql", "runner/cli/main.py"} <= names
    pages = {"host/page.js", "engine/frame.js", "engine/process.js", "licences.txt"}
    assert {f"runner/data/web/{name}" for name in pages} <= names
    assert "runner/embedded/webcontainer/driver_guard.cjs" in names
    assert not [name for name in names if name.startswith(("tests/", ".", "docs/", "web/"))]


def test_the_source_archive_carries_what_make_needs(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (archive,) = tmp_path.glob("runner-*.tar.gz")
    with tarfile.open(archive) as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    called = set(re.findall(r"(?:scripts|benchmarks)/\w+[.]sh", (ROOT / "Makefile").read_text()))
    assert len(called) == 4
    needed = {"Makefile", "uv.lock", "pyproject.toml", "README.md", "LICENSE", ".ci/run", "specs/self-check.yaml"}
    browser_side = {"web/package-lock.json", "web/build.mjs", "web/licences.mjs", "web/host/src/page.ts"}
    assert called | needed | browser_side | {"tests/conftest.py"} <= names
    assert not [name for name in names if "node_modules" in name]
