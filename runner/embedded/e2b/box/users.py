"""Who acts in a box, what a path means to them, and doing file work as them.

Where the agent is root of its box, every user of the box's `/etc/passwd` may act. Where it is not (the edge is an
ordinary user), there is one user: `root` is taken too, and is the same one.
"""

from __future__ import annotations

import base64
import binascii
import ctypes
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .connect import CallError

_ONLY = "user"
_ONLY_HOME = "/home/user"
_libc = ctypes.CDLL(None, use_errno=True)


class _Calls(NamedTuple):
    """Numbers of the kernel's calls that change one thread; the C library's change all."""

    groups: int
    uid: int
    gid: int


#: From the kernel's tables: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h.
_CALLS = {"x86_64": _Calls(116, 117, 119), "aarch64": _Calls(159, 147, 149)}


@dataclass(slots=True)
class Defaults:
    """Who acts when the client names nobody, and where a path that is empty leads (empty: home); of the template."""

    user: str = "user"
    workdir: str = ""


#: Of this box; set when the agent starts, and by `POST /init`.
defaults = Defaults()


@dataclass(frozen=True, slots=True)
class User:
    """A user of the box: name, ids, home folder."""

    name: str
    uid: int
    gid: int
    home: str

    def groups(self) -> list[int]:
        """The ids of all groups that the user is in."""
        return os.getgrouplist(self.name, self.gid)

    def environment(self) -> dict[str, str]:
        """What tells a program whose it is."""
        return {"HOME": self.home, "USER": self.name, "LOGNAME": self.name}


def acting(authorization: str, username: str = "") -> User:
    """The user that a request names, by `Authorization: Basic` or by the query. Raises CallError for one unknown."""
    name = username
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            name = base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, ValueError) as error:
            raise CallError("unauthenticated", "the Authorization header is malformed") from error
    return called(name or defaults.user)


def called(name: str) -> User:
    """The user of this name. Raises CallError when there is none."""
    if os.geteuid() != 0:
        if name in (_ONLY, "root", defaults.user):
            return User(_ONLY, os.geteuid(), os.getegid(), _ONLY_HOME)
        raise CallError("unauthenticated", f"invalid username: {name!r}: this box has the user {_ONLY!r} only")
    try:
        found = pwd.getpwnam(name)
    except (KeyError, ValueError) as error:
        raise CallError("unauthenticated", f"invalid username: {name!r}") from error
    return User(found.pw_name, found.pw_uid, found.pw_gid, found.pw_dir)


@contextmanager
def working_as(user: User) -> Iterator[None]:
    """Touch files as this user inside the block, which must not await: only this thread changes.

    The kernel takes root's rights over files from a thread whose filesystem id is another's (setfsuid(2)), so a link
    that the user made leads the agent nowhere that the user could not go.
    """
    if os.geteuid() == user.uid:
        yield
        return
    _libc.setfsgid(user.gid)
    _libc.setfsuid(user.uid)
    try:
        if _libc.setfsuid(-1) != user.uid:
            raise CallError("internal", f"the agent cannot act as {user.name!r}")
        yield
    finally:
        _libc.setfsuid(os.geteuid())
        _libc.setfsgid(os.getegid())


@contextmanager
def starting_as(user: User) -> Iterator[dict[str, Any]]:
    """Start a program as this user inside the block, which must not await; gives the arguments that Popen needs for it.

    Where the kernel's calls are known, only this thread becomes the user, keeping the way back; what it starts has no
    way back (execve(2) forgets the saved ids). So Popen need not do it, which would cost it a copy of the agent.
    """
    calls = _CALLS.get(os.uname().machine)
    if os.geteuid() == user.uid and user.uid != 0:
        yield {}
        return
    if calls is None:
        yield {"user": user.uid, "group": user.gid, "extra_groups": user.groups()}
        return
    groups = user.groups()
    try:
        _call(calls.groups, len(groups), (ctypes.c_uint32 * len(groups))(*groups))
        _call(calls.gid, user.gid, user.gid, 0)
        _call(calls.uid, user.uid, user.uid, 0)
        yield {}
    finally:
        _call(calls.uid, 0, 0, 0)
        _call(calls.gid, 0, 0, 0)
        _call(calls.groups, 0, None)


def _call(number: int, *arguments: Any) -> None:
    if _libc.syscall(number, *arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"the agent cannot act as another user: {os.strerror(error)}")


def resolve(path: str, user: User) -> str:
    """A path as the user means it: relative to the home folder, `~` is the home folder. Raises CallError."""
    path = path or defaults.workdir
    if "\0" in path:
        raise CallError("invalid_argument", "a path cannot hold a NUL")
    if path == "~" or path.startswith("~/"):
        path = user.home + path[1:]
    elif path.startswith("~"):
        raise CallError("invalid_argument", f"path {path!r}: only ~ and ~/ are known, not another user's home")
    return os.path.normpath(Path(user.home, path))
