"""The process that keeps a stack: it starts the services, looks after them, and ends them in order."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from runner.cli.stack import record
from runner.cli.stack.keeper import Keeper, Patience, Tell, end
from runner.cli.stack.output import Output
from runner.cli.stack.record import Part, Stack
from runner.cli.stack.services import Planned, Wishes, planned
from runner.embedded.surreal.notice import serving
from runner.flow import server
from runner.flow.address import record_path
from runner.run.owner import start_ticks

_TICK = 0.2
#: What ends first: what goes on with runs that were cut off, so that it leaves those alone that end with the worker.
_FIRST = ("state", "worker")
#: Seconds that a service of a supervisor that has died, and a supervisor that is told to end, may take.
_GRACE, _LONGEST = 20.0, 90.0
#: Seconds in which a gateway ends that no client uses.
_GATEWAY = 5.0
#: Called when every service is healthy, or will not be.
Settled = Callable[[Stack], None]


def supervise(wishes: Wishes, environ: Mapping[str, str], tell: Tell, settled: Settled) -> bool:
    """Keep a stack until SIGINT, SIGTERM or SIGHUP; false when another process keeps one of that folder.

    What a supervisor that was killed has left is ended first; a server that `runner up` has started alone gives its
    place to the one of the stack. Raises EngineUnavailable, UsageError, ServiceError as `planned` does.
    """
    with record.supervising(wishes.state) as is_ours:
        if not is_ours:
            return False
        for part in _left(wishes.state):
            tell(f"{part.name}, process {part.pid}, was left by a stack that was killed: it has been ended")
        private = record.read_private(wishes.state)
        alone = None if "prefect" in wishes.without else server.stop(wishes.state)
        if alone is not None:
            tell(f"the Prefect server that was up alone, process {alone.pid}, gives its place to that of the stack")
            wishes = replace(wishes, port=wishes.port or alone.port)
        plan = planned(wishes, environ, private)
        record.write_private(wishes.state, plan.private)
        with _told_to_end() as stop:
            _Supervisor(wishes.state, plan, tell, Patience(silence=wishes.silence)).work(stop, settled)
    return True


def stop(state: Path) -> Stack | None:
    """End the stack of a folder, also what is left of one whose supervisor was killed; None when there is none."""
    stack = record.read(state)
    if stack is None:
        return None
    if stack.lives and stack.ticks is not None:
        end(stack.pid, stack.ticks, _LONGEST)
    _left(state)
    return stack


def _left(state: Path) -> list[Part]:
    """End the services whose supervisor has died, and forget them; those that there were."""
    stack = record.read(state)
    left = [part for part in stack.parts if part.lives] if stack is not None else []
    left.sort(key=lambda part: _FIRST.index(part.name) if part.name in _FIRST else len(_FIRST))
    for part in left:
        if part.pid is not None and part.ticks is not None:
            end(part.pid, part.ticks, _GRACE)
    if stack is not None:
        _await_gateway(state)
        _forget(state)
    return left


def _forget(state: Path) -> None:
    if server.running(state) is None:
        record_path(state).unlink(missing_ok=True)
    record.forget(state)


class _Supervisor:
    """Works until it is told to stop."""

    def __init__(self, state: Path, plan: Planned, tell: Tell, patience: Patience) -> None:
        self._state = state
        self._tell = tell
        self._left_out = plan.left_out
        self._keepers = [
            Keeper(service, Output(record.log_path(state, service.name)), tell, patience) for service in plan.services
        ]
        self._written: Stack | None = None

    def work(self, stop: threading.Event, settled: Settled) -> None:
        """See `supervise`."""
        has_settled = False
        try:
            while not stop.wait(_TICK):
                for keeper in self._keepers:
                    healthy = {each.part.name for each in self._keepers if each.part.state == "healthy"}
                    keeper.step(time.monotonic(), healthy)
                    self._remember()
                stack = self._stack()
                if stack.is_settled and not has_settled:
                    has_settled = True
                    settled(stack)
        finally:
            self._end()

    def _end(self) -> None:
        """Those that have runs first, one by one, for these need all the others; then all the others at once."""
        for name in _FIRST:
            for keeper in self._keepers:
                if keeper.service.name == name:
                    keeper.tell_to_end()
                    keeper.wait()
        _await_gateway(self._state)
        rest = [keeper for keeper in self._keepers if keeper.service.name not in _FIRST]
        for keeper in rest:
            keeper.tell_to_end()
        for keeper in rest:
            keeper.wait()
        for keeper in self._keepers:
            keeper.close()
        _forget(self._state)

    def _stack(self) -> Stack:
        parts = (*(keeper.part for keeper in self._keepers), *self._left_out)
        return Stack(os.getpid(), start_ticks(os.getpid()), parts)

    def _remember(self) -> None:
        """Write down what has changed; a disk that is full for a moment is no reason to end."""
        stack = self._stack()
        if stack != self._written:
            with suppress(OSError):
                record.write(self._state, stack)
                self._written = stack


def _await_gateway(state: Path) -> None:
    """The gateway ends with its last client, a moment after `runner supervise`; runs of people's own keep it."""
    deadline = time.monotonic() + _GATEWAY
    while serving(state / "state") is not None and time.monotonic() < deadline:
        time.sleep(0.05)


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """Set when this process is told to end."""
    event = threading.Event()
    numbers = [each for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each)]
    before = {number: signal.signal(number, lambda *_: event.set()) for number in numbers}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
