"""What a run needs from the outside, as small protocols: Sandbox, StateStore, Engine, Clock.

Adapters live in the rooms above (`sandbox/`, `store/`, `flow/`); every implementation passes the conformance
suite of its port, the in-memory ones too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import field
from typing import Literal, Protocol

from runner.compiler.canonical import Json
from runner.compiler.plan.model import Leg, Plan, PlanStep
from runner.records import dataclass
from runner.run.event import Event, EventDraft
from runner.run.stored import Backlog, DeadLetter, Edge, Lease, Lineage, Tombstone

Stream = Literal["stdout", "stderr"]
#: Called with each piece of decoded text, in order, never splitting a character. Must not block.
OnOutput = Callable[[Stream, str], None]

# ---------------------------------------------------------------- boxes


@dataclass(frozen=True, slots=True)
class BoxRequest:
    """What kind of box is wanted.

    `needs` as in SandboxPlan.needs; `timeout` is the box's time to live in seconds; `labels` are kept by
    the provider as metadata (run id, sandbox name) so that a later process finds the box again.
    """

    needs: Mapping[str, Json] = field(default_factory=dict)
    timeout: float = 3600.0
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Command:
    """A shell command. `text` is run by `/bin/bash -l -c`; `cwd` may be relative to the home folder;
    `timeout` in seconds, None for none; `stdin` is sent and closed, None leaves no input (/dev/null). With a name to
    `keep` it by, a box that can keeps its output and its end for a later process (`runner.run.rejoin`).
    """

    text: str
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    stdin: bytes | None = None
    timeout: float | None = 60.0
    keep: str = ""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended. An exit code ≠ 0 is a result, not an error; a signal n gives 128 + n or -n
    mapped to 128 + n.
    """

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One path in a box: `size` in bytes, `mode` as permission bits, `mtime` as Unix seconds."""

    name: str
    path: str
    kind: Literal["file", "dir", "symlink", "other"]
    size: int
    mode: int
    mtime: float


@dataclass(frozen=True, slots=True)
class BoxInfo:
    """What the provider says of a box: times are Unix seconds, memory in MiB."""

    id: str
    provider: str
    labels: Mapping[str, str]
    started_at: float
    ends_at: float
    cpu: int
    memory_mb: int


@dataclass(frozen=True, slots=True)
class Desktop:
    """A box's desktop, as far as it may be written down: X display, port of its stream, size in pixels. The key of
    the stream is a secret and not in it.
    """

    display: str
    port: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class BoxMetrics:
    """A sample: CPU in percent of one core, bytes of memory and disk in use, Unix time."""

    ts: float
    cpu_percent: float
    memory_bytes: int
    disk_bytes: int


class Process(Protocol):
    """A background process in a box."""

    @property
    def pid(self) -> int: ...
    async def wait(self) -> CommandResult:
        """Wait for its end. Raises BoxGone when the box dies first."""
        ...

    async def write(self, data: bytes) -> None:
        """Send to its standard input."""
        ...

    async def close_stdin(self) -> None: ...
    async def signal(self, name: Literal["SIGTERM", "SIGKILL"]) -> bool:
        """Signal the process and all its descendants; False when it had ended."""
        ...


class Box(Protocol):
    """A live box. Paths are absolute or relative to `home`. Errors: the BoxError tree, never a vendor's.
    A dead box answers every call with BoxGone.
    """

    @property
    def id(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def home(self) -> str: ...
    @property
    def desktop(self) -> Desktop | None:
        """Its desktop, where it was made with one; None also in a box that was connected to later."""
        ...

    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        """Run to the end. On timeout, or when the caller is cancelled, the whole process tree is killed first;
        then CommandTimeout (or CancelledError) is raised.
        """
        ...

    async def start(self, command: Command, on_output: OnOutput | None = None) -> Process:
        """Start in the background; `timeout=None` keeps it for the life of the box. Standard input stays
        open unless `command.stdin` is given.
        """
        ...

    async def read(self, path: str) -> bytes:
        """Raises FileMissing, IsADirectory."""
        ...

    async def write(self, path: str, data: bytes) -> None:
        """Write the whole file, making missing folders. Raises IsADirectory, BoxDiskFull."""
        ...

    async def list(self, path: str) -> list[FileInfo]:
        """Direct children, sorted by name. Raises FileMissing, NotADirectory."""
        ...

    async def stat(self, path: str) -> FileInfo:
        """Raises FileMissing."""
        ...

    async def mkdir(self, path: str) -> None:
        """Make a folder and its missing parents; an existing folder is fine. Raises NotADirectory/FileExists when
        a file is in the way.
        """
        ...

    async def move(self, source: str, target: str) -> None:
        """Raises FileMissing."""
        ...

    async def remove(self, path: str) -> None:
        """Remove a file or a whole folder. Raises FileMissing."""
        ...

    async def export_tar(self, path: str) -> bytes:
        """The folder as an uncompressed, deterministic tar (names relative to it). Raises FileMissing."""
        ...

    async def import_tar(self, path: str, tar: bytes) -> None:
        """Unpack a tar below the folder `path`, making it. Raises BoxDiskFull."""
        ...

    async def url(self, port: int) -> str:
        """A URL on which the host reaches that port of the box, ending without a slash."""
        ...

    async def desktop_url(self) -> str:
        """The address of a page that shows and moves its desktop, in a box that was connected to later too. Whoever has
        it has the desktop: a secret. Raises FileMissing when it has none, BoxGone.
        """
        ...

    async def info(self) -> BoxInfo: ...
    async def metrics(self) -> BoxMetrics | None:
        """The newest sample, None when there is none yet."""
        ...

    async def set_timeout(self, seconds: float) -> None:
        """The box's new time to live, counted from now."""
        ...

    async def kill(self) -> bool:
        """Free the box; False when it was gone already."""
        ...


class Sandbox(Protocol):
    """A provider of boxes."""

    @property
    def provider(self) -> str: ...
    async def create(self, request: BoxRequest) -> Box:
        """Raises ProviderError (its subclasses say why), RequestRefused."""
        ...

    async def connect(self, box_id: str) -> Box:
        """Attach to a live box. Raises BoxGone."""
        ...

    async def list(self, labels: Mapping[str, str]) -> list[BoxInfo]:
        """Live boxes that carry all these labels."""
        ...

    async def close(self) -> None:
        """Release connections; live boxes stay alive."""
        ...


# ---------------------------------------------------------------- state


@dataclass(frozen=True, slots=True)
class Change:
    """One record moved by a transition, by compare-and-set: `rev` is the revision expected, 0 = the record must
    not exist. After the commit its revision is `rev + 1`. `data` is the whole new document, plain JSON; with None the
    record only has to have that revision, and stays as it is.

    Versions of workflows belong to no run, and their keys say what is in them: `rev` is 0, and one that is there
    already stays as it was first seen.
    """

    table: Literal["run", "step", "box", "artifact", "milestone", "attempt", "approval", "workflow"]
    key: str
    rev: int
    data: dict[str, Json] | None


@dataclass(frozen=True, slots=True)
class Record:
    """A stored document with its revision."""

    key: str
    rev: int
    data: dict[str, Json]


class StateStore(Protocol):
    """Where runs live. One commit is one transaction: all records, all events (numbered and chained)
    and one outbox row per event, or nothing. What a commit acknowledged survives kill -9 and power loss.

    Keys: a run's key is its id; keys in the other tables are unique within the run. With a record come its edges, in
    the same transaction: a box's `used`, an artifact's `produced`, and for the first of a leg's attempts that names it
    in its field `consumed`, an artifact's `consumed`.
    """

    @property
    def shared(self) -> bool:
        """Whether processes of several machines may work on it: then a run's process holds a lease on it."""
        ...

    async def open(self) -> None:
        """Take the lock, check the version, make what is missing. Raises StoreError (StoreLocked, StoreNewer, …)."""
        ...

    async def close(self) -> None: ...
    async def commit(self, run: str, changes: Sequence[Change], events: Sequence[EventDraft]) -> list[Event]:
        """Write all or nothing and return the sealed events. Concurrent commits to one run are safe: the journal's
        order is the order of the commits. Raises StoreConflict when a revision differs (nothing was written),
        StoreFull, StoreError.
        """
        ...

    async def get(self, run: str, table: str, key: str) -> Record | None:
        """The record, None when there is none; a workflow's version whatever the run."""
        ...

    async def all(self, run: str, table: str) -> list[Record]:
        """All records of a table that belong to the run, sorted by key."""
        ...

    async def runs(self, limit: int = 50, states: Collection[str] = ()) -> list[Record]:
        """The newest runs first (by the `created_at` of their documents); of these states only, where any is named."""
        ...

    async def workflows(self, limit: int = 50) -> list[Record]:
        """The versions of workflows that were seen last first (by the `first_seen` of their documents)."""
        ...

    async def edges(self, run: str) -> list[Edge]:
        """All edges of a run, sorted."""
        ...

    async def lineage(self, run: str, table: Literal["step", "artifact"], key: str) -> Lineage:
        """What a leg or an artifact of the run was made of and what was made of it, at most `FARTHEST` edges away."""
        ...

    async def events(self, run: str, after: int = 0, limit: int | None = None) -> list[Event]:
        """Events with seq > after, in order."""
        ...

    async def head(self, run: str) -> tuple[int, str] | None:
        """(seq, hash) of the newest event as kept beside the run, None for an unknown run."""
        ...

    async def heads(self) -> dict[str, tuple[int, str]]:
        """`head` of every run that has ever had an event, by run."""
        ...

    async def outbox(self, limit: int = 100) -> list[Event]:
        """Events not yet delivered to the audit log, oldest first."""
        ...

    async def delivered(self, events: Sequence[Event]) -> None:
        """Drop these events' outbox rows; unknown ones are ignored."""
        ...

    async def reject(self, letters: Sequence[DeadLetter]) -> None:
        """Take these events out of the outbox and keep them as dead letters. Events that are in the outbox no more are
        ignored.
        """
        ...

    async def dead(self, limit: int = 100) -> list[DeadLetter]:
        """Dead letters, the oldest events first."""
        ...

    async def revive(self, events: Sequence[Event]) -> None:
        """Put dead letters back into the outbox, each in its old place; unknown ones are ignored."""
        ...

    async def backlog(self) -> Backlog:
        """How much of the journal the audit log has not got."""
        ...

    async def forget(self, tombstone: Tombstone) -> None:
        """Keep the tombstone instead of an earlier one of that run and place, and drop what outbox and dead letters
        hold of the run's events up to `tombstone.seq`; for the journal, these events too. Head and documents stay:
        the run's next event has the next number.
        """
        ...

    async def tombstones(self) -> list[Tombstone]:
        """What retention has left, sorted by run and place."""
        ...

    async def claim(self, run: str, holder: str, seconds: float, before: str = "") -> bool:
        """Take the lease on a run, for so many seconds from now by the store's clock; whether it was to be had. It is
        when nobody has it, when it ran out, and when `before` has it, whom the caller knows to be gone. A lease fences
        nothing: commits do, by the revision of the run's record.
        """
        ...

    async def renew(self, run: str, holder: str, seconds: float) -> bool:
        """Let the lease last so many seconds from now; false when it is not `holder`'s any more. One that ran out and
        that nobody took is still its holder's.
        """
        ...

    async def release(self, run: str, holder: str) -> None:
        """Give the lease back; nothing happens when somebody else has it, or nobody."""
        ...

    async def leases(self) -> dict[str, Lease]:
        """All leases by run, those that ran out too."""
        ...


# ---------------------------------------------------------------- engines

StepState = Literal["pending", "ready", "running", "succeeded", "failed", "skipped", "cancelled", "paused"]
RunState = Literal["pending", "running", "succeeded", "failed", "cancelled", "paused"]


@dataclass(frozen=True, slots=True)
class LegOutcome:
    """How a leg ended. `message` is for people and free of secrets."""

    key: str
    state: StepState
    message: str = ""


class StepHost(Protocol):
    """What an engine gives to the scheduler while a run is going on."""

    async def leg(
        self, step: PlanStep, leg: Leg, upstream: Sequence[str], body: Callable[[], Awaitable[LegOutcome]]
    ) -> LegOutcome:
        """Run `body` as one visible unit (in Prefect: a task run named `leg.key`) with edges from the
        legs whose keys are in `upstream`; all of those have ended. Returns what `body` returned. An engine never
        repeats a body: retries are the scheduler's.
        """
        ...


class Engine(Protocol):
    """Where a run is shown and supervised. The scheduler is the same for all engines."""

    @property
    def name(self) -> str: ...
    async def run(self, plan: Plan, run: str, body: Callable[[StepHost], Awaitable[RunState]]) -> RunState:
        """Call `body` once with a StepHost, inside whatever the engine wraps around a run (in Prefect: a flow
        run), and return what it returned. Raises EngineUnavailable before `body` was called.
        """
        ...


class Clock(Protocol):
    """Time and chance, so that tests can own both."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    async def sleep(self, seconds: float) -> None: ...
    def random(self) -> float:
        """Uniform in [0, 1)."""
        ...
