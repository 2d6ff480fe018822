"""What is remembered of templates: their names, builds, what each build said, and which tag means which build."""

from __future__ import annotations

import secrets
import string
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, field
from pathlib import Path
from typing import Any

from runner.embedded.e2b.templates import Template, relative
from runner.records import dataclass

#: States of a build, in E2B's words.
WAITING, BUILDING, READY, FAILED = "waiting", "building", "ready", "error"
#: A build that says more than this many lines is not remembered whole: the middle is dropped.
_MOST_LINES = 20_000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a build's log: when (Unix seconds), `debug`, `info`, `warn` or `error`, what, and in which step."""

    at: float
    level: str
    message: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A tag was given to a build, at that Unix time."""

    tag: str
    build: str
    at: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(slots=True)
class Build:
    """One build of a template: what was asked for, how it goes, and, when it is ready, what boxes are made of."""

    template: str
    tags: tuple[str, ...]
    cpu: int
    memory_mb: int
    disk_mb: int
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = WAITING
    created_at: float = field(default_factory=time.time)
    finished_at: float | None = None
    reason: str = ""
    step: str = ""
    lines: list[Line] = field(default_factory=list)
    made: Template | None = None

    def say(self, message: str, level: str = "info", step: str = "") -> None:
        """Add a line to the log. So that clients' offsets stay right, nothing is dropped once it has been said."""
        if len(self.lines) < _MOST_LINES:
            self.lines.append(Line(time.time(), level, message, step))
        elif len(self.lines) == _MOST_LINES:
            self.lines.append(Line(time.time(), "warn", f"more than {_MOST_LINES} lines: the rest is not kept", step))


@dataclass(slots=True)
class Record:
    """A template with all its builds; `names` are its aliases."""

    id: str
    names: tuple[str, ...]
    public: bool = False
    created_at: float = field(default_factory=time.time)
    updated_at: float = field(default_factory=time.time)
    builds: dict[str, Build] = field(default_factory=dict)
    assigned: list[Assignment] = field(default_factory=list)
    spawned: int = 0
    spawned_at: float | None = None

    def tags(self) -> dict[str, Assignment]:
        """What each tag means now: the last build that it was given to."""
        return {each.tag: each for each in self.assigned}

    def last(self) -> Build:
        """The build that was ready last, else the last one that was asked for."""
        builds = list(self.builds.values())
        ready = [each for each in builds if each.status == READY]
        return max(ready or builds, key=lambda each: each.finished_at or each.created_at)


def new_id() -> str:
    """An id as E2B's templates have: 20 small letters and digits."""
    letters = string.ascii_lowercase + string.digits
    return "".join(secrets.choice(letters) for _ in range(20))


def as_json(record: Record, place: Path) -> dict[str, Any]:
    """What `from_json` takes. Builds that are not over are left out. Layers in `place` are named from there."""
    builds = [_build_json(each, place) for each in record.builds.values() if each.status in (READY, FAILED)]
    kept = {name: value for name, value in asdict(record).items() if name != "builds"}
    return {**kept, "builds": builds}


def _build_json(build: Build, place: Path) -> dict[str, Any]:
    row = asdict(build)
    if build.made is not None:
        row["made"]["layers"] = [relative(each, place) for each in build.made.layers]
    return row


def from_json(row: Mapping[str, Any], place: Path) -> Record:
    """A record as it was written down for the folder `place`."""
    builds = {each["id"]: _build(each, place) for each in row["builds"]}
    assigned = [Assignment(**each) for each in row["assigned"]]
    return Record(**{**row, "names": tuple(row["names"]), "builds": builds, "assigned": assigned})


def _build(row: Mapping[str, Any], place: Path) -> Build:
    made = row["made"]
    if made is not None:
        layers = tuple(place / each for each in made["layers"])
        made = Template(**{**made, "names": tuple(made["names"]), "layers": layers})
    lines = [Line(**each) for each in row["lines"]]
    return Build(**{**row, "tags": tuple(row["tags"]), "lines": lines, "made": made})
