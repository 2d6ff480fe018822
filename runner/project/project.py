"""What one `runner.toml` says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field, replace
from functools import lru_cache
from pathlib import PurePath

from runner.compiler.diagnostic import Diagnostic, Severity
from runner.compiler.surroundings import Settings
from runner.project.patterns import matches
from runner.records import dataclass

Severities = Mapping[str, Severity | None]


@dataclass(frozen=True, slots=True)
class Override:
    """Other severities for the specs that one of the patterns matches."""

    paths: tuple[str, ...]
    severity: Severities


@dataclass(frozen=True, eq=False)
class Project:
    """What one `runner.toml` says, for the specs below `folder`; without one everything is as by default.

    `include` is empty where any `*.yaml` and `*.yml` may be a spec. `findings` are about the file itself, `text` is its
    text for their excerpts, `path` as it is shown.
    """

    folder: str
    path: str = ""
    text: str = ""
    findings: tuple[Diagnostic, ...] = ()
    base: Settings = field(default_factory=Settings)
    overrides: tuple[Override, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    shellcheck: bool = False
    shellcheck_exclude: frozenset[str] = frozenset()
    strict: bool = False

    def relative(self, path: str) -> str:
        """`path` from the folder of the settings on, with slashes; the whole path where it is not below."""
        return PurePath(os.path.relpath(path, self.folder)).as_posix()

    def settings(self, path: str) -> Settings:
        """The settings for the spec at `path`."""
        if not self.overrides:
            return self.base
        relative = self.relative(path)
        return _merged(self, tuple(number for number, one in enumerate(self.overrides) if matches(one.paths, relative)))


@lru_cache(maxsize=256)
def _merged(project: Project, numbers: tuple[int, ...]) -> Settings:
    severity = dict(project.base.severity)
    for number in numbers:
        severity |= project.overrides[number].severity
    return replace(project.base, severity=severity)
