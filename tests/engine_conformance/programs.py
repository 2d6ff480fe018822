"""The programs of web/engine/conformance: what each is, and its files as a container takes them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CONFORMANCE = ROOT / "web" / "engine" / "conformance"
#: What a program's own `node_modules` is called in the repository, where git ignores folders of that name.
INSTALLED = "installed"

Tree = dict[str, Any]


@dataclass(frozen=True)
class Program:
    """One small program. Its standard output, standard error and exit code are to equal those on Node."""

    name: str
    title: str
    topic: str
    command: str
    #: Names of npm packages that it imports, from web/engine/conformance/packages.
    packages: tuple[str, ...]
    stdin: str
    #: Where its files are.
    folder: Path

    def tree(self) -> Tree:
        """Its files."""
        files = {name: node for name, node in tree(self.folder)["d"].items() if name != "program.json"}
        return {"d": {"node_modules" if name == INSTALLED else name: node for name, node in files.items()}}


def programs() -> list[Program]:
    """All of them, by name."""
    return [_read(file) for file in sorted(CONFORMANCE.glob("programs/*/program.json"))]


def known() -> dict[str, str]:
    """Programs that are known to fail in the engine, each with its reason."""
    found: dict[str, str] = json.loads((CONFORMANCE / "known.json").read_text())
    return found


def _read(file: Path) -> Program:
    about = json.loads(file.read_text())
    main = next(each for each in ("main.mjs", "main.js", ".") if (file.parent / each).exists())
    return Program(
        name=file.parent.name,
        title=about["title"],
        topic=about["topic"],
        command=about.get("command", f"node {main}"),
        packages=tuple(about.get("packages", ())),
        stdin=about.get("stdin", ""),
        folder=file.parent,
    )


def tree(folder: Path) -> Tree:
    """A folder as a snapshot: `d` directory, `f` file with `c` contents or `l` link target, `x` executable."""
    found: Tree = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                found[entry.name] = {"f": {"l": str(Path(entry.path).readlink())}}
            elif entry.is_dir():
                found[entry.name] = tree(Path(entry.path))
            else:
                file: Tree = {"c": Path(entry.path).read_bytes()}
                if entry.stat().st_mode & 0o100:
                    file["x"] = True
                found[entry.name] = {"f": file}
    return {"d": found}


class Packages:
    """The npm packages of the programs, installed on this machine."""

    def __init__(self, folder: Path) -> None:
        #: Where `node_modules` is.
        self.folder = folder
        self._lock: dict[str, Any] = json.loads((folder / "package-lock.json").read_text())["packages"]

    def closure(self, names: tuple[str, ...]) -> frozenset[str]:
        """The folders, below `node_modules`, of packages and of all that they need."""
        found: set[str] = set()
        waiting = [("", name) for name in names]
        while waiting:
            place = self._place(*waiting.pop())
            if place is None or place in found:
                continue
            found.add(place)
            about = self._lock[place]
            wanted = {**about.get("dependencies", {}), **about.get("optionalDependencies", {})}
            waiting += [(place, name) for name in (*wanted, *about.get("peerDependencies", {}))]
        # A package inside another's folder comes with it.
        return frozenset(each for each in found if each.count("node_modules/") == 1)

    def tree(self, places: frozenset[str]) -> Tree:
        """The snapshot of these packages, with the commands that they bring."""
        modules: Tree = {}
        for place in sorted(places):
            *scope, name = place.removeprefix("node_modules/").split("/")
            within = modules
            for each in scope:
                within = within.setdefault(each, {"d": {}})["d"]
            within[name] = _package(self.folder / place)
        commands = _commands(self.folder / "node_modules" / ".bin", places)
        return {"d": {"node_modules": {"d": {".bin": {"d": commands}, **modules}}}}

    def _place(self, place: str, name: str) -> str | None:
        """Where the package at `place` finds another, as Node looks for it."""
        while True:
            candidate = f"{place}/node_modules/{name}" if place else f"node_modules/{name}"
            if candidate in self._lock:
                # What is optional, and for another machine than this one, npm has left out.
                return candidate if (self.folder / candidate).exists() else None
            if not place:
                return None
            place = place.rpartition("/node_modules/")[0]


@cache
def _package(folder: Path) -> Tree:
    return tree(folder)


def _commands(folder: Path, places: frozenset[str]) -> Tree:
    found: Tree = {}
    for link in sorted(folder.iterdir()):
        target = str(link.readlink())
        parts = target.removeprefix("../").split("/")
        owner = "/".join(parts[: 2 if parts[0].startswith("@") else 1])
        if f"node_modules/{owner}" in places:
            found[link.name] = {"f": {"l": target}}
    return found
