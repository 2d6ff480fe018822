"""File operations below a folder that never leave it, whatever links and races those who write into it make.

Boxes write into a volume while the edge works in it, so no path is checked first and used later: the kernel resolves
it beneath the folder (openat2(2), RESOLVE_BENEATH), and what is done is done by the descriptor it gives.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePosixPath

_OPENAT2 = 437
_NO_MAGICLINKS, _BENEATH = 0x02, 0x08


class _How(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _openat2(folder: int, path: str, flags: int, mode: int) -> int:
    how = _How(flags, mode if flags & os.O_CREAT else 0, _BENEATH | _NO_MAGICLINKS)
    raw = os.fsencode(path)
    result: int = _libc().syscall(_OPENAT2, folder, raw, ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how)))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result


def _step_by_step(folder: int, path: str, flags: int, mode: int) -> int:
    """Where the kernel or a container refuses openat2: every part by itself, and no links at all."""
    here = os.dup(folder)
    try:
        parts = path.split("/")
        for part in parts[:-1]:
            below = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = below
        return os.open(parts[-1], flags | os.O_NOFOLLOW, mode, dir_fd=here)
    finally:
        os.close(here)


class Tree:
    """A folder as a root of its own. Paths are POSIX paths from it; a leading slash changes nothing, `..` is refused.

    Every method raises OSError; EXDEV and ELOOP mean that a link leads out of the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self, path: str, flags: int, mode: int = 0o644) -> int:
        """A descriptor of a path, as os.open gives it. Nothing in the tree can make it wait (a FIFO)."""
        words = parts(path)
        flags |= os.O_CLOEXEC | (0 if flags & os.O_PATH else os.O_NONBLOCK)
        root = os.open(self._root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if not words:
                return os.open(".", flags, mode, dir_fd=root)
            return _opener()(root, "/".join(words), flags, mode)
        finally:
            os.close(root)

    @contextmanager
    def parent(self, path: str) -> Iterator[tuple[int, str]]:
        """The descriptor of the folder that holds a path, and the path's last word."""
        words = parts(path)
        if not words:
            raise OSError(errno.EBUSY, "the root itself cannot be replaced", path)
        folder = self.open("/".join(words[:-1]), os.O_PATH | os.O_DIRECTORY)
        try:
            yield folder, words[-1]
        finally:
            os.close(folder)

    def stat(self, path: str) -> os.stat_result:
        """What a path is; a link is itself."""
        if not parts(path):
            return self._root.stat()
        with self.parent(path) as (folder, name):
            return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def target(self, path: str) -> str:
        """Where a link leads."""
        with self.parent(path) as (folder, name):
            return os.readlink(name, dir_fd=folder)

    def names(self, path: str) -> list[str]:
        """What is in a folder, sorted."""
        folder = self.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with os.scandir(folder) as entries:
                return sorted(entry.name for entry in entries)
        finally:
            os.close(folder)

    def remove(self, path: str) -> None:
        """Remove a file, a link, or a folder with all in it."""
        with self.parent(path) as (folder, name):
            if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                _remove_folder(name, folder)
            else:
                os.unlink(name, dir_fd=folder)


def parts(path: str) -> list[str]:
    """The words of a path from the root. Raises OSError (EINVAL) for `..` and for what no file system takes."""
    words = [word for word in PurePosixPath(path.lstrip("/")).parts if word not in (".", "/")]
    if ".." in words or "\0" in path:
        raise OSError(errno.EINVAL, "a path goes down from the root, without '..' and NUL", path)
    return words


def _remove_folder(name: str, folder: int) -> None:
    try:
        shutil.rmtree(name, dir_fd=folder)
    except RecursionError:  # deeper than Python can go
        words = ["rm", "-rf", "--", name]
        done = subprocess.run(words, cwd=f"/proc/self/fd/{folder}", capture_output=True, check=False)
        if done.returncode != 0:
            raise OSError(errno.ENOTEMPTY, "not all of the folder can be removed", name) from None


@cache
def _opener() -> Callable[[int, str, int, int], int]:
    here = os.open(".", os.O_PATH | os.O_CLOEXEC)
    try:
        os.close(_openat2(here, ".", os.O_PATH | os.O_CLOEXEC, 0))
    except OSError:
        return _step_by_step
    finally:
        os.close(here)
    return _openat2
