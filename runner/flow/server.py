"""A Prefect server in the background: `runner up` and `runner down`.

It listens on loopback only, keeps everything under `<state>/prefect/`, and runs with the settings that
make it keep up with bursts of short steps on SQLite (the recorder writes in batches; with Prefect's
defaults every state change is a transaction of its own and the pages lag by many seconds).
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from runner import rotation
from runner.environ import needed
from runner.errors import EngineUnavailable, UsageError
from runner.flow.address import ServerRecord, answers, read_record, record_path, write_record
from runner.run.owner import start_ticks

DEFAULT_PORT = 4200
HOST = "127.0.0.1"
#: Settings of the caller that a server of ours still heeds.
_PASSED_ON = ("PREFECT_SERVER_DATABASE_CONNECTION_URL",)
#: Seconds in which the last words of a server that has ended are in its log.
_WRITTEN = 0.3
#: What this process started, servers and writers of their logs: they are waited for, so that none is left a zombie.
_children: dict[int, subprocess.Popen[bytes]] = {}


def environment(state: Path, port: int, outer: Mapping[str, str]) -> dict[str, str]:
    """The environment of the server: what it needs of the caller's, of whose Prefect settings only a database URL. The
    secrets of runs are no business of a process that outlives them.
    """
    home = folder(state)
    return {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home}/prefect.db",
        **needed(outer, _PASSED_ON),
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://{HOST}:{port}/api",
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(port),
        # Without it the pages call port 4200, whatever port they came from.
        "PREFECT_SERVER_UI_API_URL": f"http://{HOST}:{port}/api",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    }


def folder(state: Path) -> Path:
    """Where the server keeps its database and its log, absolute."""
    return state.absolute() / "prefect"


def log_path(state: Path) -> Path:
    """The server's output, standard output and errors together; beside it, numbered, what was before."""
    return folder(state) / "server.log"


def start(state: Path, port: int | None = None, wait: float = 60.0) -> tuple[ServerRecord, bool]:
    """Start the server and wait until it answers, `wait` seconds at most; or find that it is up already.

    Returns the server and whether it was up before. `port` None takes 4200 when free, else any free one.
    Raises EngineUnavailable when Prefect is not installed, when the server dies or does not answer in time
    (the message ends with the tail of its log), UsageError when the port asked for is taken.
    """
    if importlib.util.find_spec("prefect") is None:
        raise EngineUnavailable("Prefect is not installed", "pip install 'runner[prefect]'")
    folder(state).mkdir(parents=True, exist_ok=True)
    with _only_one(state):
        record = running(state)
        if record is not None and answers(record.api_url):
            return record, True
        if record is not None:
            _end(record)
        _reap()
        return _launch(state, port_for(port), wait), False


def stop(state: Path) -> ServerRecord | None:
    """Stop the server that `start` remembered there, exactly that process; None when there is none alive."""
    if not state.is_dir():
        return None
    with _only_one(state):
        record = running(state)
        if record is not None:
            _end(record)
        _reap()
        record_path(state).unlink(missing_ok=True)
    return record


def running(state: Path) -> ServerRecord | None:
    """The remembered server, if its process lives and is really the one that was started."""
    record = read_record(state)
    if record is None or start_ticks(record.pid) != record.ticks:
        return None
    words = Path(f"/proc/{record.pid}/cmdline").read_bytes().split(b"\0")
    return record if b"prefect" in words and str(record.port).encode() in words else None


def command(port: int) -> list[str]:
    """The words that start a server; `running` knows it by them."""
    return [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]


def record_of(pid: int, port: int) -> ServerRecord:
    """What is to be remembered of a server that has just been started."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ServerRecord(pid, port, f"http://{HOST}:{port}/api", now, start_ticks(pid) or 0)


def _launch(state: Path, port: int, wait: float) -> ServerRecord:
    log = log_path(state)
    rotation.shift(log)
    log.touch()
    reads, writes = os.pipe()
    try:
        writer = rotation.writer(log, reads)
        process = subprocess.Popen(
            command(port),
            stdin=subprocess.DEVNULL,
            stdout=writes,
            stderr=writes,
            env=environment(state, port, os.environ),
            cwd=folder(state),  # away from any prefect.toml or .env of the caller's folder
            start_new_session=True,
        )
    finally:
        os.close(reads)
        os.close(writes)
    _children[process.pid], _children[writer.pid] = process, writer
    record = record_of(process.pid, port)
    try:
        _await_answer(state, process, record, wait)
    except BaseException:
        _end(record)
        raise
    write_record(state, record)
    return record


def _await_answer(state: Path, process: subprocess.Popen[bytes], record: ServerRecord, wait: float) -> None:
    deadline = time.monotonic() + wait
    while not answers(record.api_url, timeout=1.0):
        if (code := process.poll()) is not None:
            what = f"the Prefect server ended with code {code} before it answered"
            time.sleep(_WRITTEN)
        elif time.monotonic() > deadline:
            what = f"the Prefect server did not answer on {record.api_url} within {wait:.0f} s"
        else:
            time.sleep(0.1)
            continue
        raise EngineUnavailable(f"{what}; its log ends with:\n{_tail(log_path(state))}", f"less {log_path(state)}")


def _tail(path: Path, lines: int = 15) -> str:
    text = path.read_text(encoding="utf-8", errors="replace").strip() or "(nothing)"
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def _end(record: ServerRecord, grace: float = 10.0) -> None:
    """SIGTERM, and SIGKILL after `grace` seconds. The caller has checked that the process is ours."""
    child = _children.pop(record.pid, None)
    deadline = time.monotonic() + grace
    sign = signal.SIGTERM
    while start_ticks(record.pid) == record.ticks:
        try:
            os.kill(record.pid, sign)
        except ProcessLookupError:
            break
        while start_ticks(record.pid) == record.ticks and time.monotonic() < deadline:
            time.sleep(0.05)
        sign, deadline = signal.SIGKILL, time.monotonic() + grace
    if child is not None:
        child.wait()


def _reap() -> None:
    """Forget the servers of ours that somebody else has ended."""
    for pid, child in list(_children.items()):
        if child.poll() is not None:
            del _children[pid]


def port_for(asked: int | None) -> int:
    """The port asked for; None takes 4200 when free, else any free one. Raises UsageError when it is taken."""
    if asked is not None:
        # A server that was just stopped holds its port until the last of its threads is gone.
        deadline = time.monotonic() + 2
        while not (free := is_free(asked)) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not free:
            raise UsageError(f"port {asked} is taken", "leave out --port, or name a free one")
        return asked
    return DEFAULT_PORT if is_free(DEFAULT_PORT) else free_port()


def free_port(start: int = DEFAULT_PORT + 1) -> int:
    """The first port on loopback from `start` on that nobody listens on.

    Not one that the kernel picks: those are also given to outgoing connections, and a client that waits for its
    server to come back there can end up connected to itself.
    """
    return next(port for port in range(start, 65536) if is_free(port))


def is_free(port: int) -> bool:
    """Whether nobody listens on that port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


@contextmanager
def _only_one(state: Path) -> Iterator[None]:
    """Two `runner up` at once: the second waits, and then finds the server up."""
    folder(state).mkdir(parents=True, exist_ok=True)
    with (folder(state) / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
