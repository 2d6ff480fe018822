"""A process that has imported what flow runs need, and forks one for each (`python -m flows.zygote SOCKET`).

It prints `ready` when it serves, and ends when its standard input does, as it does when its parent dies. Whoever may
open the socket may run code as this user: it lies in a folder of the user's own.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from runner.flow.prefork.launch import HEADER

_OUTPUTS = (1, 2)
#: prctl(2): a signal for when the parent dies.
_PR_SET_PDEATHSIG = 1
#: What a launcher passes on; its end is SIGKILL.
_PASSED_ON = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


@dataclass
class _Child:
    """A process that runs a flow run, and the connection of the launcher that stands for it."""

    pid: int
    pidfd: int
    launcher: socket.socket


class Zygote:
    """Serves launchers at the socket `path`, one fork each, in one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def serve(self) -> None:
        """Until standard input ends. Raises OSError when the socket cannot be made."""
        self._path.unlink(missing_ok=True)
        self._listener.bind(str(self._path))
        self._path.chmod(0o600)
        self._listener.listen(128)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(0, selectors.EVENT_READ)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            for key, _ in self._selector.select():
                if key.fileobj == 0:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.data, _Child):
                    self._heard(key.data, key.fileobj)

    def _accept(self) -> None:
        launcher, _ = self._listener.accept()
        request = _request(launcher)
        if request is None:
            launcher.close()
            return
        pid = os.fork()
        if pid == 0:
            self._forget()
            launcher.close()
            _become(*request)
        for fd in request[1]:
            os.close(fd)
        child = _Child(pid, os.pidfd_open(pid), launcher)
        self._selector.register(child.pidfd, selectors.EVENT_READ, child)
        self._selector.register(launcher, selectors.EVENT_READ, child)

    def _forget(self) -> None:
        """What is the zygote's own is closed in its children."""
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, int):
                with contextlib.suppress(OSError):
                    os.close(key.fileobj)
            elif isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()

    def _heard(self, child: _Child, source: object) -> None:
        """A child has ended, or its launcher passes a signal on, or is gone."""
        if source == child.pidfd:
            self._ended(child)
            return
        try:
            said = child.launcher.recv(16)
        except OSError:
            said = b""
        for number in said or [signal.SIGKILL]:
            if number == signal.SIGKILL or number in _PASSED_ON:
                _signal(child, number, group=number == signal.SIGKILL)
        if not said:
            self._selector.unregister(child.launcher)

    def _ended(self, child: _Child) -> None:
        _, status = os.waitpid(child.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self._selector.unregister(child.pidfd)
        os.close(child.pidfd)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(child.launcher)
        with contextlib.suppress(OSError):
            child.launcher.sendall(bytes([code if code >= 0 else 128 - code]))
        child.launcher.close()
        # What the run left behind in its group has nobody to answer to.
        _signal(child, signal.SIGKILL, group=True)


def _signal(child: _Child, number: int, *, group: bool) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        (os.killpg if group else os.kill)(child.pid, number)


def _request(launcher: socket.socket) -> tuple[bytes, list[int]] | None:
    """What a launcher wants: its message and its outputs; None for one that went away."""
    room = socket.CMSG_SPACE(len(_OUTPUTS) * array.array("i").itemsize)
    head, ancillary, _flags, _address = launcher.recvmsg(HEADER, room)
    fds = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    left, parts = int.from_bytes(head, "big"), []
    while len(head) == HEADER and left > 0 and (part := launcher.recv(min(left, 65536))):
        parts.append(part)
        left -= len(part)
    if len(head) == HEADER and left == 0 and len(fds) == len(_OUTPUTS):
        return b"".join(parts), list(fds)
    for fd in fds:
        os.close(fd)
    return None


def _become(message: bytes, fds: list[int]) -> NoReturn:
    """In the child: be the process of that flow run, as if Prefect's engine had been started anew."""
    code = 1
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for given, mine in zip(fds, _OUTPUTS, strict=True):
            os.dup2(given, mine)
            os.close(given)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        cwd, *words = message.split(b"\0")
        os.environb.clear()
        os.environb.update(zip(words[::2], words[1::2], strict=True))
        os.chdir(cwd)
        code = _engine()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _engine() -> int:
    """Prefect's engine for the flow run that the environment names; its exit code."""
    from prefect.context import refresh_global_settings_context

    refresh_global_settings_context()
    sys.argv = ["prefect.engine"]
    with warnings.catch_warnings():
        # The module is imported already; as a program it runs once more, from its top.
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            runpy.run_module("prefect.engine", run_name="__main__")
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except BaseException:  # noqa: BLE001 - as Python itself ends a program: with its traceback, and 1
            sys.excepthook(*sys.exc_info())
            return 1
        finally:
            _say_the_rest()
    return 0


def _say_the_rest() -> None:
    """What Prefect and others do at Python's exit: os._exit would leave it out."""
    import atexit

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()


def preload() -> None:
    """Import what a flow run needs, and start nothing. Raises RuntimeError when something has started a thread."""
    import prefect.engine
    import prefect.flow_engine
    import prefect.task_engine  # noqa: F401

    import runner.flow.legs  # noqa: F401

    if threading.active_count() != 1:
        names = ", ".join(thread.name for thread in threading.enumerate())
        raise RuntimeError(f"a process with threads cannot be copied: {names}")


def main() -> None:
    """Serve at the socket that the first argument names; the caller has imported the flows."""
    preload()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the worker decides
    path = Path(sys.argv[1])
    try:
        Zygote(path).serve()
    finally:
        path.unlink(missing_ok=True)
