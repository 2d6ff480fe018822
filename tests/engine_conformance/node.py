"""What a program does on the real Node of this machine."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engine_conformance.outcome import Outcome, told
from tests.engine_conformance.programs import CONFORMANCE, INSTALLED, ROOT, Packages, Program

SECONDS = 150.0
#: How the version of the Node begins that the engine stands for.
LINE = "v20."


class NotInstalled(Exception):
    """The npm packages could not be installed."""


def packages() -> Packages:
    """The packages of the programs. Raises NotInstalled."""
    return Packages(_installed(CONFORMANCE / "packages"))


def node() -> str:
    """A Node of the release line that the engine stands for: the machine's, or one from npm. Raises NotInstalled."""
    own = shutil.which("node")
    if own is not None and version(own).startswith(LINE):
        return own
    found = next(_installed(CONFORMANCE / "node").glob("node_modules/node-*/bin/node"), None)
    if found is None:
        raise NotInstalled(f"npm has no Node {LINE}x for this machine: install one")
    return str(found)


def version(command: str) -> str:
    """The version that a Node says it has, as `v20.1.2`."""
    return subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout.strip()


def _installed(source: Path) -> Path:
    """Install a folder's packages by its lock file, once, without scripts. Raises NotInstalled."""
    digest = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()[:12]
    folder = ROOT / ".cache" / "engine-conformance" / f"{source.name}-{digest}"
    if not (folder / "done").is_file():
        npm = shutil.which("npm")
        if npm is None:
            raise NotInstalled("npm is not installed: apt-get install npm")
        folder.parent.mkdir(parents=True, exist_ok=True)
        _install(npm, source, folder)
    return folder


def _install(npm: str, source: Path, folder: Path) -> None:
    # Beside its place first: another run may install the same, and one that is stopped leaves no half of it.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="installing-") as own:
        made = Path(own) / "made"
        made.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, made / name)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
        done = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise NotInstalled(f"npm could not install {source}: {done.stderr.strip()[-300:]}")
        (made / "done").touch()
        if folder.exists() and not (folder / "done").is_file():
            shutil.rmtree(folder)
        try:
            made.rename(folder)
        except OSError:
            if not (folder / "done").is_file():
                raise


class RealNode:
    """Runs programs on this machine, in a folder of their own beside the packages that they import."""

    def __init__(self, node: str, within: Path, home: Path) -> None:
        self._within = within
        self._environment = {
            "PATH": f"{Path(node).parent}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "npm_config_update_notifier": "false",
        }

    def run(self, program: Program) -> Outcome:
        """Run it once. Raises TimeoutExpired."""
        folder = self._within / program.name
        shutil.copytree(program.folder, folder)
        (folder / "program.json").unlink(missing_ok=True)
        if (folder / INSTALLED).exists():
            (folder / INSTALLED).rename(folder / "node_modules")
        with subprocess.Popen(
            ["bash", "-c", program.command], cwd=folder, env=self._environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            try:
                out, err = process.communicate(program.stdin.encode(), timeout=SECONDS)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        shutil.rmtree(folder)
        return told(out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), process.returncode, str(folder))


@contextmanager
def real_node(node: str, found: Packages) -> Iterator[RealNode]:
    """The real Node, with folders that are removed afterwards."""
    with (
        tempfile.TemporaryDirectory(dir=found.folder, prefix="run-") as within,
        tempfile.TemporaryDirectory() as home,
    ):
        yield RealNode(node, Path(within), Path(home))
