"""What a spec is checked with beside its own text: settings, other files, other programs. All of it is handed in.

The compiler stays pure: it reads no file and starts no program itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from runner.compiler.diagnostic import Severity
from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a file could not be read, as a sentence without a full stop."""

    reason: str


#: Reads another file of the project by its path, relative to the working folder like the path of the spec itself.
Read = Callable[[str], "bytes | Unreadable"]


@dataclass(frozen=True, slots=True)
class ShellNote:
    """One finding of a shell checker: its code (`SC2086`), level (`error`, `warning`, `info`, `style`), a sentence,
    and its place in the text that was handed in: 1-based lines and columns (in characters), the end exclusive.
    """

    code: str
    level: str
    message: str
    line: int
    column: int
    end_line: int
    end_column: int


#: Checks shell texts, each with its dialect (`sh`, `bash`, or `bash -e`: a line that fails ends it); gives the notes of
#: each, in the same order. A note whose code does not begin with `SC` says why nothing was checked.
CheckShell = Callable[[Sequence[tuple[str, str]]], "list[list[ShellNote]]"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What `runner.toml` says. `severity` is by code, None for a check that is off."""

    severity: Mapping[str, Severity | None] = field(default_factory=dict)
    #: The most steps that one owner should answer for between two milestones; see `owner-overloaded`.
    owner_load: int = 8
    #: The shortest time between two starts by a schedule, in seconds; see `schedule-too-often`.
    schedule_interval: float = 60.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Settings, and ports to what is outside; None where there is nothing to ask."""

    settings: Settings = field(default_factory=Settings)
    read: Read | None = None
    shell: CheckShell | None = None


#: A spec checked by itself.
ALONE = Surroundings()
