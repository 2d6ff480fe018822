"""Concurrency groups: at most so many legs, or runs, of one group at once on this machine, whatever their state folder.

A place in a group is a file of which its holder has the lock (`flock`): the kernel frees it however the holder ends.
Who waits has a locked file too, whose name says how urgent it is, so that the places are given in order also between
processes. The holder's file carries a token; the file `….cancel` with that token asks it to make room.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import field
from itertools import count
from pathlib import Path

from runner.compiler.canonical import Json
from runner.errors import StoreError
from runner.records import dataclass
from runner.run.slots import Slots

#: Seconds between two looks at a group that is full, and at a request to make room.
LOOK = 0.05
#: In the names of tickets, which sort as text, a priority counts from here downwards. Those of nested runs add up.
_MIDDLE = 4999
_tickets = count()


class Busy(Exception):
    """The group is full, and the newcomer is not to wait: a signal inside this room. `holders` says who is in it."""

    def __init__(self, holders: list[str]) -> None:
        super().__init__()
        self.holders = holders


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants a place in which group. `kind` keeps the groups of runs and those of legs apart; `who` is for people;
    the larger `priority` goes first; `on_conflict` is `wait`, `cancel_old` or `cancel_new`. `inside` are the places
    that somebody above the newcomer has already, by the digests of their groups: waiting for another would never end.
    """

    kind: str
    group: str
    limit: int
    on_conflict: str
    who: str
    priority: int = 0
    inside: Mapping[str, Shared] = field(default_factory=dict)

    def told(self, holders: list[str]) -> dict[str, Json]:
        """The claim as events tell it."""
        return {"group": self.group, "limit": self.limit, "on_conflict": self.on_conflict, "holders": [*holders]}

    def full(self, holders: list[str]) -> str:
        """Why a newcomer that is not to wait ends."""
        return f"the concurrency group {self.group} is full ({', '.join(holders) or 'others wait for it'})"

    @property
    def digest(self) -> str:
        """The name of the group's files."""
        return hashlib.sha256(f"{self.kind}\0{self.group}".encode()).hexdigest()[:32]


class Groups:
    """The groups whose files are in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._gates: dict[str, Slots] = {}
        self._news: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def place(
        self, claim: Claim, on_wait: Callable[[list[str]], None], make_room: Callable[[str], None]
    ) -> AsyncIterator[dict[str, Shared]]:
        """A place in a group, as `Claim.inside` of those below has it. `on_wait` is called once with the holders when
        there is none at first; `make_room` with a sentence when somebody newer takes over: the block should end soon.

        Raises Busy for `cancel_new`, StoreError when the files cannot be used.
        """
        below = {claim.digest: Shared()}
        above = claim.inside.get(claim.digest)
        if above is not None:
            async with above.place(claim, on_wait, make_room):
                yield below
            return
        with _disk(self._folder):
            _own_folder(self._folder)
            held = await self._take(claim, on_wait)
        watch = asyncio.ensure_future(self._watch(held, make_room))
        try:
            yield below
        finally:
            watch.cancel()
            held.free()
            self._changed(claim).set()

    def holders(self, claim: Claim) -> list[str]:
        """Who has the places of a group now, as their claims say."""
        above = claim.inside.get(claim.digest)
        return self._holders(claim) if above is None else above.holders

    # ------------------------------------------------------------ taking

    async def _take(self, claim: Claim, on_wait: Callable[[list[str]], None]) -> _Held:
        if claim.on_conflict == "cancel_new":
            held = self._try(claim)
            if held is None:
                raise Busy(self._holders(claim))
            return held
        # One waiter of this process at a time looks at the files; the others wait here, the most urgent first.
        gate = self._gates.setdefault(claim.digest, Slots(1))
        held = self._try(claim) if not gate.busy else None
        if held is not None:
            return held
        on_wait(self._holders(claim))
        since = time.time_ns()
        rank = (-claim.priority, since, next(_tickets))
        while held is None:
            self._changed(claim).set()  # whoever looks at the files now may be less urgent
            await gate.acquire(rank)
            try:
                held = await self._queue(claim, since, lambda: gate.waits_before(rank))
            finally:
                gate.release()
        return held

    async def _queue(self, claim: Claim, since: int, outranked: Callable[[], bool]) -> _Held | None:
        """A place; None when somebody more urgent is to look for one first."""
        ticket = _Ticket(self._folder, claim, since)
        asked = ""
        try:
            while not outranked():
                changed = self._changed(claim)
                changed.clear()
                held = self._try(claim, ticket)
                if held is not None:
                    return held
                if claim.on_conflict == "cancel_old":
                    asked = self._ask(claim, asked)
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), LOOK)
            return None
        finally:
            ticket.free()

    def _try(self, claim: Claim, ticket: _Ticket | None = None) -> _Held | None:
        """A place, unless there is none or somebody else waits who goes first."""
        if any(self._goes_first(name, ticket) for name in self._queued(claim)):
            return None
        for number in range(claim.limit):
            held = _Held.take(self._folder / f"{claim.digest}.{number}.lock", claim.who)
            if held is not None:
                return held
        return None

    def _queued(self, claim: Claim) -> list[str]:
        return sorted(path.name for path in self._folder.glob(f"{claim.digest}.waits.*"))

    def _goes_first(self, name: str, ticket: _Ticket | None) -> bool:
        if ticket is not None and name >= ticket.path.name:
            return False
        fd = _locked(self._folder / name)
        if fd is None:
            return True
        (self._folder / name).unlink(missing_ok=True)  # its process is dead
        os.close(fd)
        return False

    # ------------------------------------------------------------ making room

    def _ask(self, claim: Claim, asked: str) -> str:
        """Ask the oldest holder to make room, once; whoever was asked and still holds is waited for."""
        tags = self._tags(claim)
        if any(tag.get("token") == asked for tag in tags.values()):
            return asked
        oldest = min(tags, key=lambda path: str(tags[path].get("since")), default=None)
        if oldest is None:
            return asked
        token = str(tags[oldest].get("token"))
        oldest.with_suffix(".cancel").write_text(json.dumps({"token": token, "who": claim.who}), encoding="utf-8")
        return token

    async def _watch(self, held: _Held, make_room: Callable[[str], None]) -> None:
        while True:
            await asyncio.sleep(LOOK)
            request = _json(held.path.with_suffix(".cancel"))
            if request.get("token") == held.token:
                make_room(_taken_by(request.get("who")))
                return

    def _holders(self, claim: Claim) -> list[str]:
        return [str(tag["who"]) for tag in self._tags(claim).values()]

    def _tags(self, claim: Claim) -> dict[Path, dict[str, object]]:
        paths = (self._folder / f"{claim.digest}.{number}.lock" for number in range(claim.limit))
        return {path: tag for path in paths if (tag := _json(path))}

    def _changed(self, claim: Claim) -> asyncio.Event:
        return self._news.setdefault(claim.digest, asyncio.Event())


class Shared:
    """A place that a leg or a run holds, shared by those below it: one of them at a time."""

    def __init__(self) -> None:
        self._gate = Slots(1)
        self._holder: tuple[str, Callable[[str], None]] | None = None
        self._eager: list[str] = []

    @property
    def holders(self) -> list[str]:
        """Who has the place now."""
        return [self._holder[0]] if self._holder else []

    @asynccontextmanager
    async def place(
        self, claim: Claim, on_wait: Callable[[list[str]], None], make_room: Callable[[str], None]
    ) -> AsyncIterator[None]:
        """As `Groups.place`."""
        if self._gate.busy:
            holders = self.holders
            if claim.on_conflict == "cancel_new":
                raise Busy(holders)
            on_wait(holders)
        with self._asking(claim):
            await self._gate.acquire((-claim.priority,))
        self._holder = (claim.who, make_room)
        self._ask()
        try:
            yield
        finally:
            self._holder = None
            self._gate.release()

    @contextmanager
    def _asking(self, claim: Claim) -> Iterator[None]:
        """Whoever holds the place while the newcomer waits is asked to make room, if the newcomer is one who asks."""
        if claim.on_conflict != "cancel_old":
            yield
            return
        self._eager.append(claim.who)
        self._ask()
        try:
            yield
        finally:
            self._eager.remove(claim.who)

    def _ask(self) -> None:
        if self._holder is not None and self._eager:
            asyncio.get_running_loop().call_soon(self._holder[1], _taken_by(self._eager[-1]))


def _taken_by(who: object) -> str:
    return f"{who} took its place in the concurrency group"


# ---------------------------------------------------------------- files


@dataclass(frozen=True, slots=True)
class _Held:
    """A place: the open file that is locked."""

    path: Path
    token: str
    fd: int

    @staticmethod
    def take(path: Path, who: str) -> _Held | None:
        fd = _locked(path, create=True)
        if fd is None:
            return None
        token = f"{os.getpid()}-{next(_tickets)}-{time.time_ns()}"
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps({"who": who, "token": token, "since": f"{time.time_ns():020d}"}).encode(), 0)
        return _Held(path, token, fd)

    def free(self) -> None:
        self.path.with_suffix(".cancel").unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        os.close(self.fd)


class _Ticket:
    """A place in the queue: a locked file whose name sorts by priority, then by time."""

    def __init__(self, folder: Path, claim: Claim, since: int) -> None:
        urgency = min(max(_MIDDLE - claim.priority, 0), 2 * _MIDDLE)
        name = f"{urgency:04d}.{since:020d}.{os.getpid()}.{next(_tickets)}"
        self.path = folder / f"{claim.digest}.waits.{name}"
        draft = folder / f"draft.{name}"
        # Locked before it has its name: a file in the queue without a lock belongs to a dead process.
        self._fd = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        draft.rename(self.path)

    def free(self) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self._fd)


def _locked(path: Path, *, create: bool = False) -> int | None:
    """The open file with its lock; None when somebody else has it, or there is no such file."""
    while True:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        # A holder removes its file when it leaves: a lock on a file without a name locks nothing.
        if os.fstat(fd).st_nlink:
            return fd
        os.close(fd)


def _json(path: Path) -> dict[str, object]:
    """What a file says; nothing when it is not there, or half written."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _own_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Among the temporary files anybody may have made a folder of that name.
    if {folder.stat().st_uid, folder.parent.stat().st_uid} != {os.getuid()}:
        raise PermissionError(1, "it belongs to somebody else")


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot use {folder}, the folder of concurrency groups: {error.strerror}",
            "Make it writable for you, or set XDG_RUNTIME_DIR to a folder of yours.",
        ) from error
