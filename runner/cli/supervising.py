"""The supervisor of one state folder: what it looks for, and the processes that it starts.

It does nothing to a run itself: `runner resume` does, in a process of its own that outlives the supervisor, and that
the store and the run's lock keep from being a second one. What it knows it has looked up: it may be killed at any time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from runner import wiring
from runner.cli.printed import command
from runner.cli.serving import GatewayKeeper, Tell
from runner.cli.state import ALL, reading
from runner.cli.takeable import CUT_OFF, is_cut_off, leases
from runner.compiler.canonical import Json
from runner.errors import RunnerError, StoreError, StoreLocked
from runner.records import dataclass
from runner.run.kept import plan_path, resumable
from runner.run.state import FINAL
from runner.run.supervision import Charges, Patience
from runner.store.lock import StoreLock

#: Seconds: between two looks at the processes, at the store, at what the audit log lacks, at accounts for boxes.
_TICK, _LOOK, _SHIP, _REAP = 0.2, 2.0, 30.0, 60.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asked for."""

    state: Path
    engine: str
    gateway: bool
    once: bool
    parallel: int
    tries: int


class Supervisor:
    """Works until it is told to stop; with `once` until what it found has ended."""

    def __init__(self, wishes: Wishes, environ: Mapping[str, str], tell: Tell) -> None:
        self._wishes = wishes
        self._state = wishes.state
        self._environ = environ
        self._tell = tell
        self._charges = Charges(Patience(tries=wishes.tries))
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._codes: dict[str, int] = {}
        self._shipping: subprocess.Popen[bytes] | None = None
        self._unshipped = 0
        self._reaping: asyncio.Task[None] | None = None
        self._next = dict.fromkeys(("look", "ship", "reap"), 0.0)
        self._seen: object = None
        self._has_looked = False
        self._trouble = ""
        self._strange: set[str] = set()

    async def work(self, stop: asyncio.Event) -> int:
        """The exit code: with `once` that of the runs gone on with, as `runner resume --all` has it. Raises StoreLocked
        when another supervisor works on the folder, StoreError when the folder is taken away.
        """
        keeper = GatewayKeeper(self._state, self._tell, wanted=self._wishes.gateway)
        with _only_one(self._state) as lock, keeper as gateway:
            self._say("began", f"supervising the runs in {self._state}", state=str(self._state))
            try:
                while not stop.is_set():
                    self._collect()
                    self._refuse_nowhere(lock)
                    if await gateway.serves(time.monotonic()):
                        await self._looked()
                    if self._wishes.once and self._has_looked and not self._busy():
                        break
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), _TICK)
            finally:
                self._leave()
        return max(self._codes.values(), default=0) if self._wishes.once else 0

    def _refuse_nowhere(self, lock: StoreLock) -> None:
        if not lock.path.exists():  # whoever looked into the folder would make a new one, without its runs
            hint = "Start `runner supervise` again when it is back. Processes that go on with runs are left alone."
            raise StoreError(f"the state folder {self._state} has been taken away, or emptied", hint)

    def _busy(self) -> bool:
        ships = self._shipping is not None and self._shipping.poll() is None
        return bool(self._children) or ships or not (self._reaping is None or self._reaping.done())

    # ------------------------------------------------------------ looking

    async def _looked(self) -> None:
        """Do what is to be done now. A store in trouble is told once, and asked again. Raises UsageError for settings
        that say nothing; with `once` also whatever is in the way.
        """
        now = time.monotonic()
        if now < self._next["look"] or (self._wishes.once and self._has_looked):
            return
        self._next["look"] = now + _LOOK
        shared = wiring.is_shared(self._state)
        try:
            if not shared and not self._is_worth_it():
                return
            self._go_on(await self._cut_off(now), self._wishes.parallel if shared else 1, now)
            self._ship(shared, now)
            self._reap(now)
            self._trouble = ""
        except RunnerError as error:
            self._in_trouble(error)
        except OSError as error:  # the log of a run, or its process
            words = f"no process can be started for a run in {self._state}: {error.strerror or error}"
            self._in_trouble(StoreError(words, "Look at the rights and the room of that folder."))
        self._seen, self._has_looked = _mark(self._state), True

    def _in_trouble(self, error: RunnerError) -> None:
        if self._wishes.once:
            raise error
        if error.message != self._trouble:
            self._trouble = error.message
            self._say("trouble", error.message, hint=error.hint)

    def _is_worth_it(self) -> bool:
        """Whether a folder can be looked into now, and holds news: whoever looks opens the whole store."""
        again = self._charges.waiting_until()
        if self._seen is not None and self._seen == _mark(self._state) and (again is None or time.monotonic() < again):
            return False
        if wiring.is_free(self._state):
            return True
        self._seen = None  # whoever has it may be killed, and leave no other trace
        return False

    async def _cut_off(self, now: float) -> dict[str, int]:
        """The runs that were cut off, the oldest first, each with the number of its legs that have ended. What the
        audit log has not got is counted, where it is to be delivered now.
        """
        found: dict[str, int] = {}
        async with reading(self._state) as store:
            held = await leases(store)
            if store and self._environ.get("RUNNER_AUDIT_URL") and now >= self._next["ship"]:
                self._unshipped = (await store.backlog()).waiting
            for record in reversed(await store.runs(ALL, CUT_OFF) if store else []):
                if store and is_cut_off(record, held.get(record.key)) and self._is_ours(record.key):
                    legs = await store.all(record.key, "step")
                    found[record.key] = sum(leg.data.get("state") in FINAL for leg in legs)
        return found

    def _is_ours(self, run: str) -> bool:
        """Whether the run's plan and files are in this folder: on a shared server there may be runs of others."""
        if plan_path(self._state, run).exists():
            return True
        if run not in self._strange:
            self._strange.add(run)
            words = f"run {run} was cut off, and its files are not in {self._state}: it is for another supervisor"
            self._say("strange", words, run=run)
        return False

    # ------------------------------------------------------------ runs

    def _go_on(self, cut_off: dict[str, int], most: int, now: float) -> None:
        for run in self._charges.due(cut_off, now):
            if len(self._children) >= most:
                return
            words = ("resume", run, "--state", str(self._state), "--engine", self._wishes.engine, "--quiet")
            with plan_path(self._state, run).with_name("resume.log").open("ab") as log:
                self._children[run] = self._started(words, log.fileno())
            self._charges.began(run)
            pid = self._children[run].pid
            self._say("resumed", f"run {run} was cut off: process {pid} goes on with it", run=run, pid=pid)

    def _started(self, words: tuple[str, ...], output: int) -> subprocess.Popen[bytes]:
        """A command of ours, in a session of its own: what ends the supervisor does not end it."""
        # -P: no file of the current folder stands for a module of Python's; our own package is found by its place.
        places = [self._environ.get("PYTHONPATH", ""), str(Path(__file__).parents[2])]
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "runner", *words],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            env={**self._environ, "PYTHONPATH": os.pathsep.join(filter(None, places))},
        )  # fmt: skip

    def _collect(self) -> None:
        """Take note of the processes that have ended."""
        for run, child in list(self._children.items()):
            code = child.poll()
            if code is None:
                continue
            del self._children[run]
            code = code if code >= 0 else 128 - code  # as a shell tells that a signal ended it
            self._codes[run] = code
            left = self._charges.ended(run, time.monotonic())
            self._next["look"] = 0.0
            self._say("ended", f"the process of run {run} ended with exit code {code}", run=run, exit_code=code)
            if left <= 0:
                words = f"`{command(self._state, 'resume', run)}` says why"
                log = plan_path(self._state, run).with_name("resume.log")
                tries = "once" if self._wishes.tries == 1 else f"{self._wishes.tries} times"
                about = f"run {run} was gone on with {tries} and got no further: it is left alone"
                self._say("left-alone", f"{about}; {words}, as does {log}", run=run)

    def _leave(self) -> None:
        """The supervisor ends; what it started for runs does not."""
        for child in filter(None, [self._shipping]):
            child.terminate()
        for run, child in self._children.items():
            about = f"run {run} goes on by itself in process {child.pid}: {command(self._state, 'status', run)}"
            self._say("goes-on", about, run=run, pid=child.pid)
        self._say("stopped", "the supervisor has stopped")

    # ------------------------------------------------------------ beside the runs

    def _ship(self, shared: bool, now: float) -> None:
        """Deliver what dead runs left to the audit log; where one process at a time holds the state, when no run wants
        it. By a process that ends when it is done: should the supervisor be killed, nothing keeps on working.
        """
        going_on = self._shipping is not None and self._shipping.poll() is None
        if not self._unshipped or going_on or now < self._next["ship"]:
            return
        if shared or not self._children:
            self._next["ship"], self._unshipped = now + _SHIP, 0
            self._shipping = self._started(("audit", "ship", "--state", str(self._state)), subprocess.DEVNULL)

    def _reap(self, now: float) -> None:
        """Free what dead runs of this machine left at an account, beside everything else."""
        if now >= self._next["reap"] and (self._reaping is None or self._reaping.done()):
            self._next["reap"] = now + _REAP
            self._reaping = asyncio.ensure_future(self._freed())

    async def _freed(self) -> None:
        def told(sentence: str) -> None:
            self._say("freed", sentence)

        with contextlib.suppress(RunnerError):
            async with reading(self._state) as store:
                if store is not None:
                    await wiring.free_orphans(self._environ, told, partial(resumable, store))

    def _say(self, what: str, sentence: str, **about: Json) -> None:
        self._tell(what, sentence, about)


@contextmanager
def _only_one(state: Path) -> Iterator[StoreLock]:
    """Be the one supervisor of a folder, as long as the block lasts. Raises StoreLocked, StoreError."""
    lock = StoreLock(state / "supervisor.lock")
    try:
        lock.acquire()
    except StoreLocked as error:
        raise StoreLocked(f"another supervisor works on {state}: {error.message}", error.hint) from error
    try:
        yield lock
    finally:
        lock.release()


def _mark(state: Path) -> object:
    """What changes when a process has held the folder's store since; None while one has it, which may be killed and
    leave no other trace.
    """
    try:
        about = (state / "state.lock").stat()
    except OSError:
        return ()
    return None if about.st_size else about.st_mtime_ns
