"""Kernels that speak Jupyter's protocol (5.3 and later) over ZeroMQ: Python's and Bash's."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shlex
import signal
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from . import results
from .kernel import KernelFailed, kill, signal_group
from .results import Line

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0
_ASK_AGAIN_SECONDS = 0.1
#: Milliseconds after which a socket tries again to reach a kernel that is still starting.
_RECONNECT = 20
_SOCKETS = ("shell", "iopub", "stdin", "control", "hb")


class JupyterKernel:
    """A kernel in a process of its own, reached by Unix sockets in a folder of the user's."""

    def __init__(self, language: str, command: list[str], cwd: str, environment: Mapping[str, str]) -> None:
        """`command` starts it; its last word is the path of the connection file, which is added here."""
        self._language = language
        self._command = command
        self._cwd = cwd
        # By this variable ipykernel ends itself when its parent has died.
        self._environment = {**environment, "JPY_PARENT_PID": str(os.getpid())}
        self._process: Process | None = None
        self._asked = ""
        self._lines: asyncio.Queue[Line | None] = asyncio.Queue()
        self._heard = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        # Loaded here: the server must listen long before.
        zmq, session = await asyncio.to_thread(_libraries)
        self._folder = tempfile.TemporaryDirectory(prefix=".kernel-")
        place = Path(self._folder.name)
        file = place / "connection.json"
        key = secrets.token_hex(16)
        ports = {f"{name}_port": number for number, name in enumerate(_SOCKETS, 1)}
        connection = {
            "transport": "ipc", "ip": str(place / "s"), "key": key, "signature_scheme": "hmac-sha256",
            "kernel_name": self._language, **ports,
        }  # fmt: skip
        file.touch(0o600)
        file.write_text(json.dumps(connection))
        self._session = session(key=key.encode(), username="user")
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, str(file), cwd=self._cwd, env=self._environment, start_new_session=True,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE, limit=1024 * 1024,
            )  # fmt: skip
        except OSError as error:
            self._folder.cleanup()
            raise KernelFailed(str(error)) from error
        self._context = zmq.asyncio.Context()
        self._shell = self._socket(zmq.DEALER, zmq, place, 1)
        self._iopub = self._socket(zmq.SUB, zmq, place, 2)
        self._iopub.setsockopt(zmq.SUBSCRIBE, b"")
        self._tasks = [asyncio.ensure_future(each) for each in (self._listen(), self._drain(), self._watch())]
        await self._greet()

    def _socket(self, kind: int, zmq: Any, place: Path, number: int) -> Any:
        socket = self._context.socket(kind)
        socket.linger = 0
        socket.setsockopt(zmq.RECONNECT_IVL, _RECONNECT)
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.connect(f"ipc://{place / 's'}-{number}")
        return socket

    async def _greet(self) -> None:
        """Ask until the kernel is heard: what it says before we listen is lost."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _START_SECONDS
        while not self._heard.is_set():
            if not self.alive or loop.time() > end:
                await self.stop()
                raise KernelFailed(f"the {self._language} kernel did not start{self._last_words()}")
            self._session.send(self._shell, "kernel_info_request")
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._heard.wait(), _ASK_AGAIN_SECONDS)

    def _last_words(self) -> str:
        lines = self._said.strip().splitlines()[-1:]
        return f": {lines[0]}" if lines else ""

    # ------------------------------------------------------------- listening

    async def _watch(self) -> None:
        """Read the kernel's own error output, so that it never blocks, and note its end."""
        assert self._process is not None  # noqa: S101 - started
        assert self._process.stderr is not None  # noqa: S101 - asked for
        self._said = ""
        while piece := await self._process.stderr.read(64 * 1024):
            self._said = (self._said + piece.decode(errors="replace"))[-4096:]
        await self._process.wait()
        if self._asked:
            self._lines.put_nowait(results.RESTARTED)
        self._lines.put_nowait(None)

    async def _drain(self) -> None:
        while True:
            await self._shell.recv_multipart()  # replies say nothing that was not published too

    async def _listen(self) -> None:
        while True:
            _, parts = self._session.feed_identities(await self._iopub.recv_multipart())
            message = self._session.deserialize(parts)
            self._heard.set()
            if self._asked and message["parent_header"].get("msg_id") == self._asked:
                self._take(message["header"], message["content"])

    def _take(self, header: Mapping[str, Any], content: Mapping[str, Any]) -> None:
        kind = header["msg_type"]
        line: Line | None = None
        if kind == "stream":
            when = header.get("date")
            line = results.output(content["name"], content["text"], when if isinstance(when, datetime) else None)
        elif kind in ("display_data", "execute_result"):
            line = results.result(content["data"], main=kind == "execute_result")
        elif kind == "error":
            line = results.error(content["ename"], content["evalue"], content["traceback"])
        elif kind == "execute_input":
            line = results.count(content["execution_count"])
        elif kind != "status" or content["execution_state"] != "idle":
            return
        self._lines.put_nowait(line)

    # ------------------------------------------------------------- running

    async def execute(self, code: str) -> AsyncIterator[Line]:
        async for line in self._run(code, silent=False):
            yield line

    async def _run(self, code: str, *, silent: bool) -> AsyncIterator[Line]:
        if not self.alive:
            yield results.RESTARTED
            return
        self._lines = asyncio.Queue()
        content = {
            "code": code, "silent": silent, "store_history": not silent, "user_expressions": {},
            "allow_stdin": False, "stop_on_error": False,
        }  # fmt: skip
        message = self._session.msg("execute_request", content)
        self._asked = message["header"]["msg_id"]
        self._session.send(self._shell, message)
        try:
            while (line := await self._lines.get()) is not None:
                yield line
        finally:
            self._asked = ""

    async def set_environment(self, values: Mapping[str, str], gone: list[str]) -> None:
        if self._language == "bash":
            lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
            code = "\n".join([*lines, *(f"unset {name}" for name in gone)])
        else:
            environ = "__import__('os').environ"
            code = f"{environ}.update({dict(values)!r})\n[{environ}.pop(_, None) for _ in {gone!r}]"
        async for _ in self._run(code, silent=True):
            pass

    def interrupt(self) -> None:
        if self._process is not None:
            signal_group(self._process, signal.SIGINT)

    async def stop(self) -> None:
        if self._process is None:
            return
        kill(self._process)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        await asyncio.wait(self._tasks[-1:], timeout=_STOP_SECONDS)
        for task in self._tasks:
            task.cancel()
        self._context.destroy(linger=0)
        self._folder.cleanup()


def _libraries() -> tuple[Any, Any]:
    """ZeroMQ, and Jupyter's session. Raises KernelFailed where the template's layer is of another Python."""
    try:
        import zmq
        import zmq.asyncio
        from jupyter_client.session import Session
    except ImportError as error:
        raise KernelFailed(f"the code interpreter's libraries do not load: {error}") from error
    return zmq, Session


def python(script: str, cwd: str, environment: Mapping[str, str], interpreter: str) -> JupyterKernel:
    """IPython, with the vendor's extra formats; `script` is the path of python_kernel.py."""
    return JupyterKernel("python", [interpreter, script, "-f"], cwd, environment)


def bash(script: str, cwd: str, environment: Mapping[str, str], interpreter: str) -> JupyterKernel:
    """Bash; `script` is the path of quick_bash.py."""
    plain = {**environment, "PS1": "$ ", "TERM": "dumb", "HISTFILE": os.devnull}
    return JupyterKernel("bash", [interpreter, script, "-f"], cwd, plain)
