"""A place of its own for one disturbed run: state, temporary files, runtime folder, environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.cases import Case
from tests.chaos.processes import ROOT, Process

#: What of this process's environment the commands get; everything else could lead them elsewhere.
_KEPT = ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV", "RUNNER_CHROMIUM")


@dataclass
class Place:
    """`folder` holds all that a run leaves, below short names: a browser's sockets allow no long ones. `more` are
    settings that lead the commands to services; `words` stand for something in the texts of specs.
    """

    folder: Path
    more: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for each in (self.folder, self.temporary, self.runtime, self.home):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def temporary(self) -> Path:
        return self.folder / "t"

    @property
    def runtime(self) -> Path:
        return self.folder / "x"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def environment(self) -> Mapping[str, str]:
        """What every command of this place is started with."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        own = {"TMPDIR": str(self.temporary), "XDG_RUNTIME_DIR": str(self.runtime), "HOME": str(self.home)}
        return {**kept, **own, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **self.more}

    def write(self, case: Case) -> None:
        """The files of a spec."""
        for name, text in case.files.items():
            for word, meaning in self.words.items():
                text = text.replace(word, meaning)
            (self.folder / name).write_text(text, encoding="utf-8")

    def runner(self, *arguments: str) -> Process:
        """Start a command on this state."""
        return self.command(*arguments, "--state", "state")

    def command(self, *arguments: str) -> Process:
        """Start a command that knows no state."""
        return Process(arguments, self.environment(), self.folder)

    def begin(self, case: Case) -> Process:
        """`runner run`, which prints each event as it is acknowledged."""
        return self.runner("run", case.spec, "--engine", "local", "--json", "--events")

    def go_on(self, run: str) -> Process:
        """`runner resume`, likewise."""
        return self.runner("resume", run, "--engine", "local", "--json", "--events")
