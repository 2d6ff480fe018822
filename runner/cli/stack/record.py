"""What is remembered of a stack in its state folder, for the commands that come after: `<state>/stack/`.

`stack.json` says who supervises it and what every service is like now; it is there as long as the stack is up.
`private.json` (mode 0600) holds the ports and the keys, which stay the same from one start to the next.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, field
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any, Literal

from runner.records import dataclass
from runner.run.owner import start_ticks

#: `waiting` for others · `starting`, not healthy yet · `restarting` after a pause, because it has ended · `failed` for
#: good, because it ended too often · `left out` from the beginning
State = Literal["waiting", "starting", "healthy", "restarting", "failed", "left out"]
#: States that stay as they are, as long as nothing happens.
SETTLED = frozenset({"healthy", "failed", "left out"})


@dataclass(frozen=True, slots=True)
class Part:
    """One service as it is now: where it is reached, its process (with the kernel's start time of it, which with the
    number names it for ever), its log, how often it has been started again, why it is not healthy, since when (UTC) its
    process is there, how the one before has ended, and the version of its program.
    """

    name: str
    state: State
    address: str = ""
    pid: int | None = None
    ticks: int | None = None
    log: str = ""
    restarts: int = 0
    why: str = ""
    since: str = ""
    last: str = ""
    version: str = ""

    @property
    def lives(self) -> bool:
        """Whether its process is still the one that was started."""
        return self.pid is not None and self.ticks is not None and start_ticks(self.pid) == self.ticks


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack: the process that supervises it, and its services in the order in which they start."""

    pid: int
    ticks: int | None
    parts: tuple[Part, ...] = ()

    @property
    def lives(self) -> bool:
        """Whether somebody supervises it."""
        return self.ticks is not None and start_ticks(self.pid) == self.ticks

    @property
    def is_settled(self) -> bool:
        """Whether every service is healthy, or will not be without somebody's help."""
        failed = any(part.state == "failed" for part in self.parts)
        calm = SETTLED | {"waiting"} if failed else SETTLED
        return bool(self.parts) and all(part.state in calm for part in self.parts)

    @property
    def troubled(self) -> tuple[Part, ...]:
        """The services that are wanted and have failed, or wait for one that has."""
        return tuple(part for part in self.parts if part.state in ("failed", "waiting"))


@dataclass(frozen=True, slots=True)
class Private:
    """What the next start takes over: `ports` by service, `keys` by service, the `exports` that lead commands to the
    stack, and what was ever `exported`: it may still be in the environment of a shell.
    """

    ports: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    exports: Mapping[str, str] = field(default_factory=dict, repr=False)
    exported: Mapping[str, str] = field(default_factory=dict, repr=False)


def folder(state: Path) -> Path:
    """Where a stack keeps what is its own, absolute."""
    return state.absolute() / "stack"


def log_path(state: Path, name: str) -> Path:
    """The output of a service, or of the supervisor itself when it is in the background."""
    return folder(state) / "logs" / f"{name}.log"


def read(state: Path) -> Stack | None:
    """The stack that is remembered, whether it lives or not; None without one."""
    try:
        found: dict[str, Any] = json.loads((folder(state) / "stack.json").read_text(encoding="utf-8"))
        return Stack(found["pid"], found["ticks"], tuple(Part(**each) for each in found["parts"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write(state: Path, stack: Stack) -> None:
    """Remember a stack, in one step. Raises OSError."""
    _replace(folder(state) / "stack.json", asdict(stack))


def forget(state: Path) -> None:
    """The stack is down."""
    (folder(state) / "stack.json").unlink(missing_ok=True)


def read_private(state: Path) -> Private:
    """What the stack before has left; nothing when there was none."""
    try:
        found: dict[str, Any] = json.loads((folder(state) / "private.json").read_text(encoding="utf-8"))
        return Private(found["ports"], found["keys"], found["exports"], found["exported"])
    except (OSError, ValueError, TypeError, KeyError):
        return Private()


def write_private(state: Path, private: Private) -> None:
    """Keep it for this user alone. Raises OSError."""
    _replace(folder(state) / "private.json", asdict(private))


def _replace(path: Path, content: dict[str, Any]) -> None:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=1) + "\n")
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@contextmanager
def supervising(state: Path) -> Iterator[bool]:
    """Be the one that supervises, as long as the block lasts; false when somebody else does. Raises OSError."""
    folder(state).mkdir(parents=True, exist_ok=True)
    with (folder(state) / "lock").open("w") as lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            is_ours = False
        else:
            is_ours = True
        yield is_ours
