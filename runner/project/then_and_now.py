"""Which specs there are now, which there were at a revision, and which of them are the same one."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path

from runner.compiler.diagnostic import Diagnostic
from runner.errors import UsageError
from runner.project.files import is_spec, sources
from runner.project.patterns import matches
from runner.project.revisions import Revision
from runner.project.settings import Projects
from runner.records import dataclass

_SUFFIXES = (".yaml", ".yml")
_USUAL = "specs"


@dataclass(frozen=True, slots=True)
class Pair:
    """One spec then and now: None where it was not, or is no more. `old_path` is another one if it was moved."""

    path: str
    old_path: str
    before: bytes | None
    after: bytes | Diagnostic | None


def pairs(then: Revision, names: Sequence[str], projects: Projects) -> Iterator[Pair]:
    """The specs of these names now and at the revision, by path; those with the same text are left out, unless they
    run others. Raises UsageError for a name that leads to nothing now or then.
    """
    if "-" in names:
        raise UsageError("standard input has no earlier revision", "name files or folders")
    now = _now(then, names, projects)
    before = _then(then, names, projects, set(now))
    moved = _moved(then, before, now)
    for path in sorted(now.keys() | (before.keys() - set(moved.values()))):
        old_path = moved.get(path, path)
        old, new = before.get(old_path), now.get(path)
        if old != new or old_path != path or (old is not None and b"workflow" in old):
            yield Pair(path, old_path, old, new)


def _relative(name: str) -> str:
    """A name as a path from here: revisions know no other."""
    return os.path.relpath(name) if Path(name).is_absolute() else posixpath.normpath(name)


def _now(then: Revision, names: Sequence[str], projects: Projects) -> dict[str, bytes | Diagnostic]:
    found: dict[str, bytes | Diagnostic] = {}
    for wanted in [[_relative(name)] for name in names] or [[]]:
        try:
            found |= {one.path: one.data for one in sources(wanted, projects, None)}
        except UsageError:
            if wanted and not _meant(then, wanted):
                raise  # it may have been there then
    return found


def _meant(then: Revision, names: Sequence[str]) -> list[str]:
    """The paths from here of the files of the revision that the names mean."""
    paths = [then.repository.shown(path) for path in then.files() if path.endswith(_SUFFIXES)]
    if names:
        return [path for path in paths if any(_is_meant(path, name) for name in names)]
    if Path(_USUAL).is_dir() or any(path.startswith(f"{_USUAL}/") for path in paths):
        return [path for path in paths if path.startswith(f"{_USUAL}/")]
    return [path for path in paths if "/" not in path]


def _is_meant(path: str, name: str) -> bool:
    if has_magic(name):
        return fnmatchcase(path, name)
    inside = path if name == "." else path.removeprefix(f"{name}/") if path.startswith(f"{name}/") else ""
    hidden = any(part.startswith(".") for part in inside.split("/"))
    return path == name or (bool(inside) and not hidden)


def _then(then: Revision, names: Sequence[str], projects: Projects, now: set[str]) -> dict[str, bytes]:
    """What the names meant at the revision, and the earlier text of what they mean now."""
    wanted = [_relative(name) for name in names]
    found: dict[str, bytes] = {}
    for path in dict.fromkeys((*_meant(then, wanted), *sorted(now))):
        data = then.read(path)
        if isinstance(data, bytes) and (path in now or path in wanted or (is_spec(data) and _wanted(path, projects))):
            found[path] = data
    return found


def _wanted(path: str, projects: Projects) -> bool:
    """Whether the settings do not exclude a file that is no more."""
    project = projects.of(path)
    return not matches(project.exclude, project.relative(path))


def _moved(then: Revision, before: dict[str, bytes], now: dict[str, bytes | Diagnostic]) -> dict[str, str]:
    """New path to old path, for specs that were moved: as git follows them, or with the same text."""
    gone = {path: data for path, data in before.items() if path not in now}
    fresh = [path for path in now if path not in before]
    if not fresh or not gone:
        return {}
    shown = then.repository.shown
    followed = {shown(new): shown(old) for new, old in then.moved().items()}
    found: dict[str, str] = {}
    for path in sorted(fresh):
        same = next((old for old, data in sorted(gone.items()) if data == now[path]), "")
        old = followed.get(path, same)
        if old in gone:
            found[path] = old
            del gone[old]
    return found
