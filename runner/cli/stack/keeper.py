"""One service of the stack: its process is started, asked whether it is well, started again, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path

from runner.cli.heartbeat import Ear
from runner.cli.stack.output import Output
from runner.cli.stack.record import Part, State
from runner.records import dataclass
from runner.run.owner import start_ticks

#: Called with a sentence for people.
Tell = Callable[[str], None]
_LINES = 8


@dataclass(frozen=True, slots=True)
class Service:
    """How a service is started and looked after.

    `is_well` asks it, and answers within a second or two · `beats`: it tells that it is ready and lives, as
    `runner.cli.heartbeat` has it, and is asked beside that · `after`: the services that must be healthy first ·
    `started` is told the number of every process that was started · `hung` ends what of it its own group does not hold,
    before that is killed · `version` of the program.
    """

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    is_well: Callable[[], bool]
    address: str = ""
    cwd: Path | None = None
    after: tuple[str, ...] = ()
    beats: bool = False
    started: Callable[[int], None] = lambda _pid: None
    hung: Callable[[], None] = lambda: None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds and numbers: a service may take `start` until it is healthy, and then be silent for `silence`; it is
    asked every `ask`, and hung is only who was silent `asks` times in a row. Of the time between two questions at most
    `gap` counts: when the machine was asleep, or the supervisor stopped, nobody was silent. After its end it is started
    again in `first`, then in twice as long, `longest` at most. One that ends `tries` times without having lasted for
    `lasts` has failed. Told to end, it has `grace`.
    """

    start: float = 120.0
    silence: float = 60.0
    ask: float = 3.0
    asks: int = 5
    gap: float = 10.0
    first: float = 0.5
    longest: float = 10.0
    tries: int = 5
    lasts: float = 30.0
    grace: float = 20.0


class Keeper:
    """Keeps one service; `step` is to be called several times a second, `close` at the end."""

    def __init__(self, service: Service, output: Output, tell: Tell, patience: Patience | None = None) -> None:
        self.service = service
        self._output = output
        self._tell = tell
        self._patience = patience or Patience()
        self._ear = Ear() if service.beats else None
        self._process: subprocess.Popen[bytes] | None = None
        self._ticks: int | None = None
        self._state: State = "waiting"
        self._why = self._last = self._begun = ""
        self._since = self._asked = self._silent = self._next = 0.0
        self._unanswered = self._ends = self._restarts = 0

    @property
    def part(self) -> Part:
        """The service as it is now."""
        service = self.service
        return Part(
            service.name, self._state, service.address, None if self._process is None else self._process.pid,
            self._ticks, str(self._output.path), self._restarts, self._why, self._begun, self._last, service.version,
        )  # fmt: skip

    def step(self, now: float, healthy: set[str]) -> None:
        """Look at it, and do what is due; `healthy` are the services that are."""
        self._output.look()
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
            _kill(self._process)
        self._process = self._ticks = None

    def close(self) -> None:
        """Let go of what it was kept by. What it has left behind may go on printing."""
        if self._ear is not None:
            self._ear.close()
        self._output.close()

    def _start(self, now: float) -> None:
        service = self.service
        self._state, self._since, self._asked, self._next = "starting", now, now, 0.0
        self._silent, self._unanswered = 0.0, 0
        self._begun = datetime.now(UTC).isoformat(timespec="seconds")
        asked = {} if self._ear is None else self._ear.environ(self._patience.silence)
        try:
            # A session of its own: Ctrl-C is for the supervisor, which ends services in order.
            self._process = subprocess.Popen(
                service.command, env={**service.environ, **asked}, cwd=service.cwd, stdin=subprocess.DEVNULL,
                stdout=self._output.fd, stderr=self._output.fd, start_new_session=True,
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
            if self._answers():
                if self._why or (self._state == "starting" and self._restarts):
                    self._tell(f"{self.service.name} is healthy again, process {process.pid}")
                self._state, self._why, self._asked, self._next = "healthy", "", now, now + self._patience.ask
                self._silent, self._unanswered = 0.0, 0
                return
            self._unanswered += 1
            self._silent += min(now - self._asked, self._patience.gap)
            self._asked = now
            self._bear(process, now)

    def _bear(self, process: subprocess.Popen[bytes], now: float) -> None:
        """It has not answered: have patience, as long as there is some left."""
        starts = self._state == "starting"
        longest = self._patience.start if starts else self._patience.silence
        self._next = now if starts else now + self._patience.ask
        if not starts and self._unanswered >= self._patience.asks and not self._why:
            self._why = f"does not answer since {datetime.now(UTC).isoformat(timespec='seconds')}"
            self._tell(f"{self.service.name} does not answer; it is killed when that lasts for {longest:g} s")
        if self._silent > longest and self._unanswered >= self._patience.asks:
            self.service.hung()
            _kill(process)
            self._output.renew()
            self._ended(now, f"did not answer for {longest:g} s")

    def _answers(self) -> bool:
        heard = self._ear is None or self._ear.heard()
        return self.service.is_well() and heard

    def _ended(self, now: float, how: str) -> None:
        """Decide what becomes of a service whose process is gone."""
        self._process = self._ticks = None
        self._begun, self._last = "", how
        self._ends = 1 if now - self._since > self._patience.lasts else self._ends + 1
        name = self.service.name
        if self._ends >= self._patience.tries:
            self._output.drain()
            self._state = "failed"
            self._why = f"{how}, {self._ends} times in a row; its log ends with:\n{tail(self._output.path)}"
            self._tell(f"{name} has failed: it {self._why}")
            return
        pause = min(self._patience.first * 2.0 ** (self._ends - 1), self._patience.longest)
        self._state, self._why, self._next = "restarting", how, now + pause
        self._tell(f"{name} {how}; it is started again in {pause:g} s")


def tail(path: Path) -> str:
    """The last lines of a log, indented."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        text = ""
    return "\n".join(f"    {line}" for line in (text or "(nothing)").splitlines()[-_LINES:])


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a service and all of its group: what it has started would keep its port, or its files."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


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
