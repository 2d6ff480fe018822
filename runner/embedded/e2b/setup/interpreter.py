"""The code interpreter's layer: the Python packages of its kernels, by hash, in /opt/code-interpreter."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from runner.embedded.e2b.setup.debian import Say
from runner.embedded.e2b.setup.shelf import Package, python
from runner.errors import ServiceError

#: Exact versions and hashes, for all Pythons and processors that runner supports.
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
LIBRARIES = "opt/code-interpreter/lib"
_MINUTES = 20 * 60
_WASTE = ("pandas/tests", "numpy/tests", "matplotlib/tests", "mpl_toolkits/tests", "bin")


def make(layer: Path, work: Path, say: Say) -> tuple[list[Package], list[str]]:
    """Make the layer; its packages. Raises ServiceError."""
    target = layer / LIBRARIES
    target.mkdir(parents=True)
    # Another Python's, or of other versions, is of no use, if a run that was broken off has left such.
    work /= f"{python()}-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]}"
    wheels = work / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    pip = _pip(work)
    say("fetching the code interpreter's packages")
    common = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    _run([*pip, "download", *common, "--dest", str(wheels), "-r", str(REQUIREMENTS)])
    say("unpacking them")
    offline = [*common, "--no-index", "--find-links", str(wheels), "--root-user-action", "ignore"]
    _run([*pip, "install", *offline, "--target", str(target), "-r", str(REQUIREMENTS)])
    for name in _WASTE:
        shutil.rmtree(target / name, ignore_errors=True)
    return _known(wheels), []


def _pip(work: Path) -> list[str]:
    """A pip of this interpreter's version: its own, that of the one it stands upon, or a new one."""
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    for program in (sys.executable, str(base)):
        if Path(program).exists():
            done = subprocess.run([program, "-m", "pip", "--version"], capture_output=True, check=False)
            if done.returncode == 0:
                return [program, "-m", "pip"]
    _run([sys.executable, "-m", "venv", str(work / "venv")])
    return [str(work / "venv/bin/python"), "-m", "pip"]


def _run(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=_MINUTES, check=False)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise ServiceError(
            f"the code interpreter's packages cannot be had: {lines[-1][-300:]}",
            "check the network and pip's settings, then run it again: what was fetched is kept",
        )


def _known(wheels: Path) -> list[Package]:
    """What was fetched; pip has compared the hashes with the requirements'."""
    found = []
    for file in sorted(wheels.glob("*.whl")):
        name, version, *_ = file.name.split("-")
        content = file.read_bytes()
        found.append(Package(name.replace("_", "-"), version, hashlib.sha256(content).hexdigest(), len(content)))
    return found
