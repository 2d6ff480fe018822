"""The service `filesystem.Filesystem`: the messages of `e2b/envd/filesystem/filesystem_pb.py` onto the box's files.

Watching is in `watch_rpc`.
"""

from __future__ import annotations

import asyncio
import errno
import grp
import os
import pwd
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from . import users
from .connect import CallError, Message, Unary
from .http1 import Exchange

_META = "user.e2b."


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn the operating system's errors into Connect's, with a sentence that names the path."""
    try:
        yield
    except FileNotFoundError as error:
        raise CallError("not_found", f"path {path!r} does not exist") from error
    except NotADirectoryError as error:
        raise CallError("invalid_argument", f"path {path!r} is not a directory") from error
    except IsADirectoryError as error:
        raise CallError("invalid_argument", f"path {path!r} is a directory") from error
    except FileExistsError as error:
        raise CallError("already_exists", f"path {path!r} already exists") from error
    except PermissionError as error:
        raise CallError("permission_denied", f"permission denied: {path!r}") from error
    except OSError as error:
        raise CallError("internal", f"path {path!r}: {os.strerror(error.errno or 0)}") from error
    except RecursionError as error:
        raise CallError(
            "failed_precondition", f"path {path!r} holds folders too deep for this; use a command"
        ) from error


class FilesystemService:
    """One instance per box. `unary` maps method names to what answers them, each as the user who asks."""

    def __init__(self) -> None:
        self.unary: dict[str, Unary] = {
            "Stat": self._stat,
            "MakeDir": self._make_dir,
            "Move": self._move,
            "ListDir": self._list_dir,
            "Remove": self._remove,
        }

    async def _stat(self, message: Message, exchange: Exchange) -> Message:
        user = users.acting(exchange.head.get("authorization"))
        path = path_of(message, "path", user)
        with users.working_as(user), translated(path):
            return {"entry": entry(path)}

    async def _make_dir(self, message: Message, exchange: Exchange) -> Message:
        user = users.acting(exchange.head.get("authorization"))
        path = path_of(message, "path", user)
        with users.working_as(user), translated(path):
            _make(Path(path))
            return {"entry": entry(path)}

    async def _move(self, message: Message, exchange: Exchange) -> Message:
        user = users.acting(exchange.head.get("authorization"))
        source, target = path_of(message, "source", user), path_of(message, "destination", user)

        def move() -> Message:
            with users.working_as(user):
                with translated(source):
                    os.lstat(source)
                with translated(target):
                    _rename(Path(source), Path(target))
                    return {"entry": entry(target)}

        return await asyncio.to_thread(move)

    async def _list_dir(self, message: Message, exchange: Exchange) -> Message:
        user = users.acting(exchange.head.get("authorization"))
        path = path_of(message, "path", user)
        depth = int(message.get("depth") or 1)

        def walk() -> Message:
            with users.working_as(user), translated(path):
                return {"entries": list(_walk(path, depth))}

        return await asyncio.to_thread(walk)

    async def _remove(self, message: Message, exchange: Exchange) -> Message:
        user = users.acting(exchange.head.get("authorization"))
        path = path_of(message, "path", user)

        def remove() -> Message:
            with users.working_as(user), translated(path), suppress(FileNotFoundError):
                _delete(path)
            return {}

        return await asyncio.to_thread(remove)


def path_of(message: Message, key: str, user: users.User) -> str:
    """The path under this key as the user means it. Raises CallError."""
    value = message.get(key, "")  # the JSON codec leaves empty texts out
    if not isinstance(value, str):
        raise CallError("invalid_argument", f"{key} is not a path")
    return users.resolve(value, user)


def entry(path: str) -> Message:
    """An `EntryInfo`: of a link, the kind is that of what it points at, as newer versions of the agent say it."""
    info = os.lstat(path)
    message: Message = {
        "name": Path(path).name or "/",
        "type": _kind(info.st_mode),
        "path": path,
        "size": str(info.st_size),
        "mode": stat.S_IMODE(info.st_mode),
        "permissions": stat.filemode(info.st_mode),
        "owner": _owner(info.st_uid),
        "group": _group(info.st_gid),
        "modifiedTime": _rfc3339(info.st_mtime_ns),
    }
    if stat.S_ISLNK(info.st_mode):
        message["isSymlink"] = True
        message["symlinkTarget"] = os.path.realpath(path)
        with suppress(OSError):
            message["type"] = _kind(Path(path).stat().st_mode)
    elif metadata := read_metadata(path):
        message["metadata"] = metadata
    return message


def read_metadata(path: str) -> dict[str, str]:
    """What is kept on a file as `user.e2b.*` attributes; nothing where the filesystem has none."""
    found: dict[str, str] = {}
    with suppress(OSError):
        for name in os.listxattr(path, follow_symlinks=False):
            if name.startswith(_META):
                found[name.removeprefix(_META)] = os.getxattr(path, name).decode("utf-8", "replace")
    return found


def write_metadata(fd: int, metadata: dict[str, str]) -> None:
    """Put metadata on an open file, in place of what was there. Raises OSError where the filesystem has none."""
    with suppress(OSError):
        for name in os.listxattr(fd):
            if name.startswith(_META):
                os.removexattr(fd, name)
    for key, value in metadata.items():
        os.setxattr(fd, _META + key, value.encode())


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "FILE_TYPE_DIRECTORY"
    if stat.S_ISREG(mode):
        return "FILE_TYPE_FILE"
    return "FILE_TYPE_SYMLINK" if stat.S_ISLNK(mode) else "FILE_TYPE_UNSPECIFIED"


def _walk(path: str, depth: int) -> Iterator[Message]:
    with os.scandir(path) as found:
        names = sorted((each.name, each.is_dir(follow_symlinks=False)) for each in found)
    for name, folder in names:
        inner = str(Path(path, name))
        with suppress(FileNotFoundError):
            yield entry(inner)
        if folder and depth > 1:
            with suppress(PermissionError, FileNotFoundError):
                yield from _walk(inner, depth - 1)


def _make(path: Path) -> None:
    if os.path.lexists(path) and not path.is_dir():
        raise NotADirectoryError
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir()


def _rename(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:  # the two are on different filesystems of the box
            raise
        import shutil  # rarely needed, and the agent must start fast

        shutil.move(source, target)


def _delete(path: str) -> None:
    if stat.S_ISDIR(os.lstat(path).st_mode):
        import shutil  # rarely needed, and the agent must start fast

        shutil.rmtree(path)
    else:
        Path(path).unlink()


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _rfc3339(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09d}Z"
