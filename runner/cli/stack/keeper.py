"""One service of the stack: its process is started, asked whether it is well, started again, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path

from runner.cli.stack.record import Part, State
from runner.records import dataclass
from runner.run.owner import start_ticks

#: Called with a sentence for people.
Tell = Callable[[str], None]
_LINES = 8


@dataclass(frozen=True, slots=True)
class Service:
    """How a service is started and looked after.

    `is_well` is asked with what the process has printed, and answers within a second or two · `after`: the services
    that must be healthy first · `started` is told the number of every process that was started.
    """

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    is_well: Callable[[str], bool]
    address: str = ""
    cwd: Path | None = None
    after: tuple[str, ...] = ()
    started: Callable[[int], None] = lambda _pid: None


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds and numbers: a service may take `start` until it is healthy, and then be silent for `silence`; it is
    asked every `ask`. After its end it is started again in `first`, then in twice as long, `longest` at most. One that
    ends `tries` times without having lasted for `lasts` has failed. Told to end, it has `grace`.
    """

    start: float = 120.0
    silence: float = 30.0
    ask: float = 3.0
    first: float = 0.5
    longest: float = 10.0
    tries: int = 5
    lasts: float = 30.0
    grace: float = 20.0


class Keeper:
    """Keeps one service; `step` is to be called several times a second."""

    def __init__(self, service: Service, log: Path, tell: Tell, patience: Patience | None = None) -> None:
        self.service = service
        self._log = log
        self._tell = tell
        self._patience = patience or Patience()
        self._process: subprocess.Popen[bytes] | None = None
        self._ticks: int | None = None
        self._state: State = "waiting"
        self._why = ""
        self._begins = 0  # where in the log the output of this process begins
        self._since = self._well = self._next = 0.0
        self._ends = self._restarts = 0
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")

    @property
    def part(self) -> Part:
        """The service as it is now."""
        pid = None if self._process is None else self._process.pid
        service = self.service
        return Part(
            service.name, self._state, service.address, pid, self._ticks, str(self._log), self._restarts, self._why
        )

    def step(self, now: float, healthy: set[str]) -> None:
        """Look at it, and do what is due; `healthy` are the services that are."""
        if self._state == "restarting" and now >= self._next:
            self._restarts += 1
            self._state = "waiting"
        if self._state == "waiting":
            # Also one that has ended: without what it needs it would only end again, and be given up.
            if healthy.issuperset(self.service.after):
                self._start(now)
        elif self._process is not None:
            self._look(self._process, now)

    def tell_to_end(self) -> None:
        """Ask it to end; `wait` for it afterwards."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self) -> None:
        """Wait until it has ended; it is killed when it takes too long."""
        if self._process is None:
            return
        try:
            self._process.wait(self._patience.grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = self._ticks = None

    def _start(self, now: float) -> None:
        service = self.service
        self._begins = self._log.stat().st_size if self._log.exists() else 0
        self._state, self._since, self._well, self._next = "starting", now, now, 0.0
        try:
            with self._log.open("ab") as log:
                # A session of its own: Ctrl-C is for the supervisor, which ends services in order.
                self._process = subprocess.Popen(
                    service.command, env=dict(service.environ), cwd=service.cwd,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip
        except OSError as error:
            self._ended(now, f"cannot be started: {error.strerror or error}")
            return
        self._ticks = start_ticks(self._process.pid)
        service.started(self._process.pid)

    def _look(self, process: subprocess.Popen[bytes], now: float) -> None:
        if (code := process.poll()) is not None:
            self._ended(now, f"ended with {_code(code)}")
        elif now >= self._next:
            if self.service.is_well(self._printed()):
                if self._state == "starting" and self._restarts:
                    self._tell(f"{self.service.name} is healthy again, process {process.pid}")
                self._state, self._why, self._well, self._next = "healthy", "", now, now + self._patience.ask
                return
            longest = self._patience.start if self._state == "starting" else self._patience.silence
            if now - self._well > longest:
                process.kill()
                process.wait()
                self._ended(now, f"did not answer for {longest:g} s")

    def _ended(self, now: float, how: str) -> None:
        """Decide what becomes of a service whose process is gone."""
        self._process = self._ticks = None
        self._ends = 1 if now - self._since > self._patience.lasts else self._ends + 1
        name = self.service.name
        if self._ends >= self._patience.tries:
            self._state = "failed"
            self._why = f"{how}, {self._ends} times in a row; its log ends with:\n{tail(self._log)}"
            self._tell(f"{name} has failed: it {self._why}")
            return
        pause = min(self._patience.first * 2.0 ** (self._ends - 1), self._patience.longest)
        self._state, self._why, self._next = "restarting", how, now + pause
        self._tell(f"{name} {how}; it is started again in {pause:g} s")

    def _printed(self) -> str:
        with contextlib.suppress(OSError), self._log.open("rb") as log:
            log.seek(self._begins)
            return log.read(65_536).decode(errors="replace")
        return ""


def tail(path: Path) -> str:
    """The last lines of a log, indented."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        text = ""
    return "\n".join(f"    {line}" for line in (text or "(nothing)").splitlines()[-_LINES:])


def end(pid: int, ticks: int, grace: float) -> None:
    """End a process that is no child of ours, by SIGTERM, and by SIGKILL after `grace` seconds."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + grace
        if start_ticks(pid) == ticks:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        while start_ticks(pid) == ticks and time.monotonic() < deadline:
            time.sleep(0.05)


def _code(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
