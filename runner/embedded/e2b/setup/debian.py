"""Debian packages without installing them: apt finds and fetches them, dpkg unpacks them into a folder.

The host's own package state is read, never changed: apt gets lists, cache and configuration of folders of ours. Its
sources and keys are the host's, so what comes is signed as what the host installs; apt checks each file's hash.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from runner.embedded.e2b.setup.shelf import Package, installed
from runner.errors import ServiceError

#: What tells a person how far it is.
Say = Callable[[str], None]
_LINE = re.compile(r"'(?P<url>[^']+)' (?P<file>\S+) (?P<bytes>\d+) (?:SHA256:(?P<sha256>[0-9a-f]{64}))?")
_MINUTES = 20 * 60
#: Folders that are links into /usr on a host whose /usr is merged.
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_NETWORK_HINT = "check the network and the package sources in /etc/apt, then run it again: what was fetched is kept"


class Debian:
    """apt and dpkg, working in a folder."""

    def __init__(self, work: Path, say: Say) -> None:
        """Raises ServiceError where the host has no apt."""
        for program in ("apt-get", "dpkg-deb"):
            if shutil.which(program) is None:
                raise ServiceError(
                    f"this machine has no {program}: the packages of a desktop cannot be fetched",
                    "on a host that is not Debian or of its kin, use the hosted service: set E2B_API_KEY",
                )
        self._work, self._say = work, say
        for name in ("lists/partial", "cache/archives/partial", "empty"):
            (work / name).mkdir(parents=True, exist_ok=True)
        (work / "none").touch()
        self._config = work / "apt.conf"
        self._config.write_text(self._configuration())

    def _configuration(self) -> str:
        """The host's ways to reach its sources, our folders, and none of the host's hooks, which would touch it."""
        host = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
        kept = [line for line in host.splitlines() if line.startswith(("Acquire::", "APT::Architecture"))]
        own = {
            "Dir::Etc::Parts": self._work / "empty", "Dir::Etc::Main": self._work / "none",
            "Dir::State::Lists": self._work / "lists", "Dir::Cache": self._work / "cache",
            "Debug::NoLocking": 1, "Acquire::Languages": "none", "Acquire::Retries": 3,
            "APT::Update::Error-Mode": "any", "APT::Sandbox::User": "root",
        }  # fmt: skip
        return "\n".join([*kept, *(f'{name} "{value}";' for name, value in own.items()), ""])

    def update(self) -> None:
        """Fetch the lists of packages. Lists that are there already are good enough when nothing answers."""
        self._say("fetching the lists of packages")
        done = self._apt("update")
        if done.returncode != 0 and not any((self._work / "lists").glob("*_Packages*")):
            raise ServiceError(f"the lists of packages cannot be fetched: {_last(done)}", _NETWORK_HINT)

    def closure(self, wanted: Sequence[str]) -> tuple[list[str], list[str]]:
        """What these packages need: what must be fetched, and what the host has already. Raises ServiceError."""
        missing = self._uris(wanted, [])
        everything = self._uris(wanted, ["-o", f"Dir::State::status={self._work / 'none'}"])
        there = installed()
        return [_name(each) for each in missing], sorted({_name(each) for each in everything} & there.keys())

    def _uris(self, wanted: Sequence[str], options: list[str]) -> list[str]:
        words = ["--no-install-recommends", "-y", "-qq", "--print-uris", *options, "install", *wanted]
        done = self._apt(*words)
        if done.returncode != 0:
            raise ServiceError(
                f"the host's package sources do not have what a desktop needs: {_last(done)}",
                "Debian 12 or newer has all of it; see /etc/apt/sources.list.d",
            )
        return [match["file"] for match in _LINE.finditer(done.stdout)]

    def fetch(self, names: Sequence[str]) -> list[Path]:
        """The files of these packages, as the signed lists describe them. Raises ServiceError."""
        folder = self._work / "debs"
        folder.mkdir(exist_ok=True)
        self._say(f"fetching {len(names)} packages")
        listed = self._apt("download", "--print-uris", *names)
        wanted = {folder / match["file"]: match["sha256"] for match in _LINE.finditer(listed.stdout)}
        for file, digest in wanted.items():
            # Of a run that was broken off: apt looks at the size of what is there already, and at nothing else.
            if file.exists() and _sha256(file) != digest:
                file.unlink()
        done = self._apt("download", *names, cwd=folder)
        if done.returncode != 0:
            raise ServiceError(f"packages cannot be fetched: {_last(done)}", _NETWORK_HINT)
        for file, digest in wanted.items():
            if _sha256(file) != digest:
                raise ServiceError(f"{file.name} is not what the lists of packages say", _NETWORK_HINT)
        return list(wanted)

    def unpack(self, files: Sequence[Path], target: Path) -> list[Package]:
        """Unpack packages over one another into a folder whose /usr is merged. Raises ServiceError."""
        self._say(f"unpacking {len(files)} packages")
        target.mkdir(parents=True, exist_ok=True)
        known = []
        for file in files:
            done = subprocess.run(
                ["dpkg-deb", "-x", str(file), str(target)], capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise ServiceError(f"{file.name} cannot be unpacked: {_last(done)}", "free some space, then try again")
            _merge(target)
            name, version, *_ = file.name.removesuffix(".deb").split("_")
            known.append(Package(name, version.replace("%3a", ":"), _sha256(file), file.stat().st_size))
        return known

    def _apt(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "APT_CONFIG": str(self._config)}
        return subprocess.run(
            ["apt-get", *words], capture_output=True, text=True, timeout=_MINUTES, env=env, cwd=cwd,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip


def _merge(target: Path) -> None:
    """Move what a package has in /lib and its like to where a merged host has it."""
    for name in _MERGED:
        source = target / name
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, target / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(source)


def _name(file: str) -> str:
    return file.partition("_")[0]


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _last(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in (done.stderr or done.stdout).strip().splitlines() if not line.startswith("W:")]
    return lines[-1][-300:] if lines else f"exit code {done.returncode}"
