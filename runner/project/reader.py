"""Other files of a spec's project, for the compiler: what a step of the kind `workflow` names. It never hangs."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from runner.compiler.document import DEFAULT_LIMITS
from runner.compiler.surroundings import Read, Unreadable

#: What the top folder of a project holds.
ROOT_MARKS = ("runner.toml", ".git")


def project_root(spec: Path) -> Path:
    """The folder that the files named by `spec` must lie in, without symbolic links: the nearest one upwards with a
    `runner.toml` or `.git`; without one the working folder if the spec is below it, else the spec's own folder.
    """
    folder = spec.resolve().parent
    for above in (folder, *folder.parents):
        if any((above / mark).exists() for mark in ROOT_MARKS):
            return above
    here = Path.cwd().resolve()
    return here if folder.is_relative_to(here) else folder


def reader(spec: str) -> Read:
    """What reads the files that the spec at the path `spec` names; nothing is touched before the first one."""
    roots: list[Path] = []

    def read(path: str) -> bytes | Unreadable:
        try:
            if not roots:
                roots.append(project_root(Path(spec)))
            return _read(Path(path), roots[0])
        except OSError as error:
            return Unreadable((error.strerror or "unknown reason").lower())
        except (ValueError, RuntimeError):  # a NUL in the path; a circle of links, in older versions of Python
            return Unreadable("that is no path")

    return read


def _read(path: Path, root: Path) -> bytes | Unreadable:
    real = path.resolve(strict=True)
    if not real.is_relative_to(root):
        return Unreadable(f"it is outside the project, whose folder is {root.name or root}")
    # Without O_NONBLOCK, a pipe that nobody writes to would never open.
    handle = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            return Unreadable("it is a folder" if stat.S_ISDIR(mode) else "it is no regular file")
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(DEFAULT_LIMITS.size + 1)  # one more than a spec may have, so that the compiler tells it
    finally:
        os.close(handle)
