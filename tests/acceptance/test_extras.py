"""Without extras, specs are validated and planned; what needs an extra says which one, with exit code 4."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance


def needed(name: str, found: set[str]) -> set[str]:
    """A distribution and what it needs, without any extra."""
    if name not in found:
        found.add(name)
        for line in distribution(name).requires or []:
            match = re.match(r"[\w.-]+", line)
            if match and "extra ==" not in line:
                try:
                    needed(match[0], found)
                except PackageNotFoundError:  # for another system or an older Python
                    found.discard(match[0])
    return found


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A folder with what `pip install runner` brings, and nothing else."""
    folder = tmp_path_factory.mktemp("packages")
    for name in needed("runner", set()) - {"runner"}:
        files = distribution(name).files or []
        for top in {file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}:
            (folder / top).symlink_to(Path(str(distribution(name).locate_file(top))))
    for name in ("runner", "schemas"):
        (folder / name).symlink_to(root / name)
    return folder


def runner(packages: Path, folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # The interpreter below the environment that tests run in: what it starts in turn does not see that one's packages.
    interpreter = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    return subprocess.run(
        [str(interpreter), "-S", "-m", "runner", *words],
        cwd=folder,
        env={"PYTHONPATH": str(packages), "PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        timeout=50,
    )


def test_specs_are_validated_and_planned(packages: Path, tmp_path: Path, root: Path) -> None:
    checked = runner(packages, tmp_path, "validate", str(root / "specs" / "hello.yaml"))
    assert (checked.returncode, checked.stdout) == (0, "1 file checked: no problems\n"), checked.stderr
    planned = runner(packages, tmp_path, "plan", str(root / "specs" / "hello.yaml"))
    assert planned.returncode == 0, planned.stderr
    assert "wave 0" in planned.stdout


@pytest.mark.parametrize(
    ("words", "environment", "extra"),
    [
        (["up"], {}, "prefect"),
        (["run", "SPEC", "--engine", "local"], {"PATH": "/nowhere"}, "e2b"),
        (["run", "SPEC", "--engine", "local"], {"E2B_API_KEY": "e2b_0"}, "surreal"),
        (["endpoint", "e2b"], {"PATH": "/nowhere"}, "e2b"),
        (["endpoint", "webcontainer"], {}, "webcontainer"),
        (["audit", "search", "x", "--source", "weaviate"], {"RUNNER_AUDIT_URL": "http://127.0.0.1:9"}, "audit"),
        (["audit", "key", "key.pem"], {}, "audit"),
    ],
)
def test_what_needs_an_extra_names_it(
    packages: Path, tmp_path: Path, root: Path, words: list[str], environment: dict[str, str], extra: str
) -> None:
    words = [str(root / "specs" / "hello.yaml") if word == "SPEC" else word for word in words]
    done = runner(packages, tmp_path, *words, **environment)
    assert done.returncode == 4, done.stderr
    assert f"pip install 'runner[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr
