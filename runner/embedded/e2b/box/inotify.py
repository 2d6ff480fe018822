"""The kernel's notices of what happens in a folder (inotify(7)), as events with paths.

One event of the kernel is one event here, with the names that the vendor's agent gives them: a file that is made,
given to its user and written is CREATE, CHMOD, WRITE; a rename inside is RENAME of the old name and CREATE of the new
one; a rename out is RENAME, one into is CREATE.

Below a watched tree folders come and go. What is made in a new folder before the kernel watches it is found by
looking, and what the kernel then tells a second time is left out.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
import termios
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

_MODIFY, _ATTRIB, _MOVED_FROM, _MOVED_TO = 0x2, 0x4, 0x40, 0x80
_CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_UNMOUNT, _OVERFLOW, _IGNORED = 0x2000, 0x4000, 0x8000
_ONLYDIR, _ISDIR = 0x01000000, 0x40000000
_WANTED = _MODIFY | _ATTRIB | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF | _ONLYDIR
#: In the order in which the vendor's agent tells them.
_KINDS = (
    (_CREATE | _MOVED_TO, "CREATE"),
    (_MOVED_FROM | _MOVE_SELF, "RENAME"),
    (_ATTRIB, "CHMOD"),
    (_MODIFY, "WRITE"),
    (_DELETE | _DELETE_SELF, "REMOVE"),
)
#: A folder below the watched one that is gone again, or not for its watcher to see, is passed over.
_UNSEEN = (FileNotFoundError, PermissionError, NotADirectoryError)
_HEAD = struct.Struct("iIII")
_BUFFER = 64 * 1024
_libc = ctypes.CDLL(None, use_errno=True)


class Overflow(Exception):
    """More happened than the kernel keeps (`fs.inotify.max_queued_events`): what was lost is not known."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened: CREATE, WRITE, REMOVE, RENAME or CHMOD, and to which path."""

    kind: str
    path: str


@dataclass(slots=True)
class _Folder:
    """One watched folder. `found` is what looking has told of already, until the kernel's notices reach that moment
    (a count of bytes of the whole stream). `missed` are folders in it that had another name already when the notice of
    their making was read.
    """

    path: str
    found: set[tuple[str, str]] = field(default_factory=set)
    until: int = 0
    missed: set[str] = field(default_factory=set)


class Watch:
    """Watches one folder, or all below it too."""

    def __init__(self, root: str, *, recursive: bool) -> None:
        """Raises OSError when the folder cannot be watched, or too many are (EMFILE, ENOSPC)."""
        self.root = root
        self._recursive = recursive
        self._folders: dict[int, _Folder] = {}
        self._leaving: tuple[int, str] | None = None
        self._taken = 0  # bytes of notices taken from the kernel, and how many of them were looked at
        self._read = 0
        self.fd = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        try:
            self._root = self._add(root)
            if recursive:
                self._spread()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Watch no longer. Twice is as good as once."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def events(self) -> Iterator[Event]:
        """What has happened since, as far as one reading of the kernel's queue goes; does not wait. Raises Overflow."""
        leaving = self._leaving
        try:
            for wd, mask, cookie, name in self._notices():
                if self._leaving is not None and not (mask & _MOVED_TO and cookie == self._leaving[0]):
                    self._left()
                yield from self._told(wd, mask, cookie, name)
        except BlockingIOError:
            if leaving is not None and leaving is self._leaving:
                self._left()

    @property
    def unsettled(self) -> bool:
        """Whether a folder was moved, and it is not known yet whether out of the tree: read again soon."""
        return self._leaving is not None

    def _left(self) -> None:
        """Watch no longer what has left the tree: the other half of its move did not come right behind."""
        if self._leaving is not None:
            self._drop(self._leaving[1])
            self._leaving = None

    def _notices(self) -> Iterator[tuple[int, int, int, str]]:
        raw = os.read(self.fd, _BUFFER)
        self._taken += len(raw)
        at = 0
        while at < len(raw):
            wd, mask, cookie, size = _HEAD.unpack_from(raw, at)
            name = raw[at + _HEAD.size : at + _HEAD.size + size].rstrip(b"\0")
            at += _HEAD.size + size
            self._read += _HEAD.size + size
            yield wd, mask, cookie, os.fsdecode(name)

    def _told(self, wd: int, mask: int, cookie: int, name: str) -> Iterator[Event]:
        if mask & _OVERFLOW:
            raise Overflow
        folder = self._folders.get(wd)
        if folder is None:
            return
        if mask & (_IGNORED | _UNMOUNT):
            del self._folders[wd]
            return
        if not name and wd != self._root:
            return  # what happens to a folder itself is told by the one above it
        path = f"{folder.path}/{name}" if name else folder.path
        for bits, kind in _KINDS:
            if mask & bits:
                if self._known(folder, name, kind):
                    return
                yield Event(kind, path)
        if mask & _MOVE_SELF:
            self._drop(path)  # nobody knows where it is now
        elif self._recursive and mask & _ISDIR and name:
            yield from self._moved(folder, name, mask, cookie)

    def _known(self, folder: _Folder, name: str, kind: str) -> bool:
        """Whether looking into a new folder has told this already."""
        if not folder.found:
            return False
        if self._read > folder.until:
            folder.found.clear()
            return False
        if kind in ("REMOVE", "RENAME"):
            folder.found -= {(name, "CREATE"), (name, "WRITE")}
            return False
        known = (name, kind) in folder.found
        folder.found.discard((name, kind))
        return known

    def _moved(self, folder: _Folder, name: str, mask: int, cookie: int) -> Iterator[Event]:
        path = f"{folder.path}/{name}"
        if mask & (_DELETE | _MOVED_FROM):
            folder.missed.discard(name)
        if mask & _MOVED_FROM:
            self._leaving = (cookie, path)
        elif mask & (_CREATE | _MOVED_TO):
            (_, old), self._leaving = self._leaving or (0, None), None
            if old is not None and self._relabel(old, path):
                yield from self._catch_up(path)
            else:
                yield from self._arrived(folder, name, written=old is not None or bool(mask & _CREATE))

    def _arrived(self, folder: _Folder, name: str, *, written: bool) -> Iterator[Event]:
        path = f"{folder.path}/{name}"
        try:
            self._add(path)
        except _UNSEEN:
            folder.missed.add(name)
        else:
            yield from self._enter(path, written=written)

    def _catch_up(self, top: str) -> Iterator[Event]:
        """Watch what was made below a folder so shortly before it was renamed that it was not found by its old name."""
        for folder in list(self._folders.values()):
            if folder.missed and f"{folder.path}/".startswith(f"{top}/"):
                missed, folder.missed = folder.missed, set()
                for name in missed:
                    yield from self._arrived(folder, name, written=True)

    def _enter(self, top: str, *, written: bool) -> Iterator[Event]:
        """Watch a folder that has come, and all below it; say what lies there as if it had been made after it.

        `written` folders are new, and files in them that hold something have been written to.
        """
        todo = [top]
        while todo:
            path = todo.pop()
            with suppress(*_UNSEEN):
                folder = self._folders[self._add(path)]
                for entry, is_folder in _look(path):
                    if is_folder:
                        todo.append(entry.path)
                    for kind in ("CREATE", "WRITE") if written and _holds(entry) else ("CREATE",):
                        folder.found.add((entry.name, kind))
                        yield Event(kind, entry.path)
                folder.until = self._taken + _pending(self.fd)

    def _spread(self) -> None:
        """Watch all that lies below the root."""
        todo = [self.root]
        while todo:
            with suppress(*_UNSEEN):
                for entry, is_folder in _look(todo.pop()):
                    if is_folder:
                        self._add(entry.path)
                        todo.append(entry.path)

    def _add(self, path: str) -> int:
        wd = _checked(_libc.inotify_add_watch(self.fd, os.fsencode(path), _WANTED), path)
        known = self._folders.get(wd)
        if known is None:
            self._folders[wd] = _Folder(path)
        else:
            known.path = path
        return wd

    def _relabel(self, old: str, new: str) -> bool:
        """Give a folder and all below it their new paths. False when it was not watched by its old one."""
        found = False
        for folder in self._folders.values():
            if folder.path == old or folder.path.startswith(old + "/"):
                found = found or folder.path == old
                folder.path = new + folder.path[len(old) :]
        return found

    def _drop(self, path: str) -> None:
        for wd, folder in list(self._folders.items()):
            if folder.path == path or folder.path.startswith(path + "/"):
                del self._folders[wd]
                _libc.inotify_rm_watch(self.fd, wd)


def _look(path: str) -> Iterator[tuple[os.DirEntry[str], bool]]:
    """What lies in a folder, and whether it is one itself."""
    with os.scandir(path) as entries:
        for entry in entries:
            yield entry, entry.is_dir(follow_symlinks=False)


def _holds(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_size > 0
    except OSError:
        return False


def _pending(fd: int) -> int:
    """Bytes of notices that wait to be read."""
    return int(struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"))[0])


def _checked(result: int, path: str | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result
