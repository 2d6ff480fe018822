"""Which specs a command line means, and their bytes. Nothing here hangs, and no more is read than a spec may have."""

from __future__ import annotations

import errno
import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from runner.compiler.diagnostic import Diagnostic, Span, error
from runner.errors import UsageError
from runner.project.patterns import matches
from runner.project.project import Project
from runner.project.settings import Projects
from runner.records import dataclass

#: How a spec from standard input is called in findings and plans.
STDIN = "<stdin>"

# A file found in a folder is a spec if it has this key; a file that is named is one in any case.
_SPEC_KEY = re.compile(rb"^(?:\xef\xbb\xbf)?spec[ \t]*:", re.MULTILINE)
_SUFFIXES = (".yaml", ".yml")
_SKIPPED = frozenset({"node_modules", "__pycache__", "venv"})
_SURELY_SMALL = 64 * 1024  # bytes; below, the limit of the compiler need not be looked up
_KINDS = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISDIR, "a folder"))


@dataclass(frozen=True, slots=True)
class Source:
    """A spec: its path as it is shown, and its bytes or the finding that says why it cannot be read."""

    path: str
    data: bytes | Diagnostic


def sources(names: Sequence[str], projects: Projects, stdin: BinaryIO | None) -> list[Source]:
    """Every spec once, in the order named, and in a folder by name.

    A name is a file, a folder to search, a pattern such as `specs/**/*.yaml` (for shells that expand none), or `-` for
    standard input. Without names: the specs in the folder `specs`, else those in the working folder itself. Raises
    UsageError for a name that leads to nothing.
    """
    out: dict[str, Source] = {}
    for found in (one for name in names for one in _named(name, projects, stdin)) if names else _usual(projects):
        out.setdefault(found.path, found)
    return list(out.values())


def _usual(projects: Projects) -> Iterator[Source]:
    if Path("specs").is_dir():
        yield from _named("specs", projects, None)
        return
    found = list(_search("", projects, deep=False))
    if not found:
        raise UsageError("there is no spec in this folder", "name a file or a folder, or - for standard input")
    yield from found


def _named(name: str, projects: Projects, stdin: BinaryIO | None) -> Iterator[Source]:
    if name == "-":
        yield Source(STDIN, _bounded(stdin.read(_limit() + 1), STDIN) if stdin else b"")
        return
    if not name:
        raise UsageError("the path of a spec is empty", "leave it out, or name a spec or a folder")
    path = Path(name)
    if path.is_dir():
        found = list(_search(name, projects, deep=True))
        if not found:
            raise UsageError(f"there is no spec in the folder {name}", "a spec is a *.yaml with a key `spec`")
        yield from found
    elif os.path.lexists(path) and not (path.is_symlink() and _dangling(path)):
        yield Source(name, read_spec(path, name))
    elif glob.has_magic(name) and (files := sorted(glob.glob(name, recursive=True))):  # noqa: PTH207 - as it is shown
        for file in files:
            yield from _named(file, projects, stdin)
    else:
        raise UsageError(f"there is no file or folder {name}", "give the path of a spec, or - for standard input")


def _dangling(path: Path) -> bool:
    """Whether a link leads to nothing; one that leads in a circle does not count."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def is_spec(data: bytes) -> bool:
    """Whether a file that was found in a folder is a spec: it has the key `spec`."""
    return _SPEC_KEY.search(data) is not None


# -- reading


def read_spec(path: Path, shown: str) -> bytes | Diagnostic:
    """The bytes of a spec, or the finding that says why it cannot be read."""
    try:
        return _read(path, shown)
    except OSError as problem:
        return _refused(shown, "the file cannot be read", problem)


def _read(path: Path, shown: str) -> bytes | Diagnostic:
    # Without O_NONBLOCK, a pipe that nobody writes to would never open.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            kind = next((name for test, name in _KINDS if test(about.st_mode)), "a device")
            return _unreadable(shown, f"the file cannot be read: it is {kind}", "pipe it: … | runner validate -")
        if about.st_size > _SURELY_SMALL and about.st_size > _limit():
            return _too_large(shown, f"{about.st_size:,}")
        with os.fdopen(handle, "rb", buffering=0, closefd=False) as file:
            return _whole(file, about.st_size, shown)
    finally:
        os.close(handle)


def _whole(file: BinaryIO, size: int, shown: str) -> bytes | Diagnostic:
    """All of a file of about `size` bytes; files that grow meanwhile, and those of /proc, are read to a bound."""
    data = file.read(size + 1) or b""
    if len(data) == size:
        return data
    while len(data) <= _limit() and (more := file.read(_limit() + 1)):
        data += more
    return _bounded(data, shown)


def _limit() -> int:
    """The most bytes that a spec may have."""
    from runner.compiler.document.limits import DEFAULT_LIMITS

    return DEFAULT_LIMITS.size


def _bounded(data: bytes, shown: str) -> bytes | Diagnostic:
    return data if len(data) <= _limit() else _too_large(shown, f"more than {_limit():,}")


def _too_large(shown: str, size: str) -> Diagnostic:
    message = f"the file has {size} bytes; a spec may have {_limit():,}"
    hint = "split it: a step of kind `workflow` runs another spec"
    return error("too-large", message, Span(shown, 1, 1, 1, 1), hint)


def _refused(shown: str, what: str, problem: OSError) -> Diagnostic:
    reason = "it is a socket" if problem.errno == errno.ENXIO else (problem.strerror or "unknown reason").lower()
    return _unreadable(shown, f"{what}: {reason}", "check its rights")


def _unreadable(shown: str, message: str, hint: str) -> Diagnostic:
    return error("unreadable-file", message, Span(shown, 1, 1, 1, 1), hint)


# -- searching


def _search(folder: str, projects: Projects, *, deep: bool) -> Iterator[Source]:
    """The specs in a folder by name, then those in its folders. Links to folders are not followed: no circle can be."""
    try:
        with os.scandir(folder or ".") as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as problem:
        # What cannot be searched is not checked: that must not pass for "no problems".
        yield Source(folder or ".", _refused(folder or ".", "the folder cannot be searched", problem))
        return
    here = projects.within(os.path.abspath(folder))  # noqa: PTH100 - text, quickly
    inside = [(entry, _join(folder, entry.name)) for entry in found if not entry.name.startswith(".")]
    for entry, path in inside:
        if _candidate(entry, path, here) and (source := _looked_at(path)) is not None:
            yield source
    for entry, path in inside:
        if deep and entry.name not in _SKIPPED and entry.is_dir(follow_symlinks=False) and not _excluded(path, here):
            yield from _search(path, projects, deep=True)


def _join(folder: str, name: str) -> str:
    return str(Path(folder, name)) if folder else name


def _candidate(entry: os.DirEntry[str], path: str, project: Project) -> bool:
    return _included(entry.name, path, project) and not _excluded(path, project) and _is_file(entry)


def _included(name: str, path: str, project: Project) -> bool:
    if not project.include:
        return name.endswith(_SUFFIXES)
    return matches(project.include, project.relative(path))


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False  # a link in a circle


def _excluded(path: str, project: Project) -> bool:
    return bool(project.exclude) and matches(project.exclude, project.relative(path))


def _looked_at(path: str) -> Source | None:
    """A file as a spec, None if it is none. What cannot be read is one, so that it is told."""
    data = read_spec(Path(path), path)
    if isinstance(data, Diagnostic):
        return None if data.code == "too-large" and not _begins_as_spec(path) else Source(path, data)
    return Source(path, data) if is_spec(data) else None


def _begins_as_spec(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return _SPEC_KEY.search(file.read(_SURELY_SMALL)) is not None
    except OSError:
        return True
