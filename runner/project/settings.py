"""`runner.toml`: how the specs of a project are checked. docs/settings.md says what each key means.

The one that counts for a spec is the nearest upwards from its folder, up to the top of its git repository. What is
wrong in it is told as findings in it; what remains counts.
"""

from __future__ import annotations

import os
from pathlib import Path

from runner.compiler.diagnostic import Span, error
from runner.errors import UsageError
from runner.project.project import Project

NAME = "runner.toml"
_MOST_BYTES = 1024 * 1024


class Projects:
    """The settings of whatever is checked by one command: each `runner.toml` is read once.

    `config` is the one that counts for all, wherever they are; with `none` no file counts. Raises UsageError for a
    `config` that cannot be read.
    """

    def __init__(self, config: str | None = None, *, none: bool = False) -> None:
        self._folders: dict[str, Project] = {}
        self._fixed: Project | None = None
        if none:
            self._fixed = Project(str(Path.cwd()))
        elif config is not None:
            self._fixed = self._named(config)

    def _named(self, config: str) -> Project:
        try:
            data = _read(Path(config))
        except OSError as problem:
            reason = (problem.strerror or "unknown reason").lower()
            raise UsageError(f"the settings {config} cannot be read: {reason}", "name a runner.toml") from problem
        return self._loaded(str(Path(config).absolute().parent), config, data)

    def of(self, path: str) -> Project:
        """The settings for the spec, or for the folder of specs, at `path`."""
        return self._fixed or self.within(os.path.dirname(os.path.abspath(path)))  # noqa: PTH100, PTH120 - text, quickly

    def within(self, folder: str) -> Project:
        """The settings that count in a folder, an absolute path."""
        if self._fixed is not None:
            return self._fixed
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = self._found(folder)
        return known

    def loaded(self) -> list[Project]:
        """The settings that counted so far, each once, in the order of their paths; none where no file was found."""
        every = [self._fixed] if self._fixed else self._folders.values()
        return sorted({one.path: one for one in every if one.path}.values(), key=lambda one: one.path)

    def _found(self, folder: str) -> Project:
        here = Path(folder)
        try:
            data = _read(here / NAME)
        except FileNotFoundError:
            top = here.parent == here or (here / ".git").exists()
            return Project(folder) if top else self.within(str(here.parent))
        except OSError as problem:
            return _unreadable(here, (problem.strerror or "unknown reason").lower())
        if _leads_out(here / NAME):
            return _unreadable(here, "it is a link that leads out of the project")
        return self._loaded(folder, _shown(here / NAME), data)

    def _loaded(self, folder: str, shown: str, data: bytes) -> Project:
        from runner.project.load import load

        return load(folder, shown, data)


def _unreadable(folder: Path, reason: str) -> Project:
    shown = _shown(folder / NAME)
    hint = "or choose another by --config"
    finding = error("unreadable-file", f"the file cannot be read: {reason}", Span(shown, 1, 1, 1, 1), hint)
    return Project(str(folder), shown, "", (finding,))


def _leads_out(path: Path) -> bool:
    """Whether a link leads out of the repository, or the folder: what is wrong there would be quoted in findings."""
    if not path.is_symlink():
        return False
    top = next((above for above in path.parents if (above / ".git").exists()), path.parent)
    return not path.resolve().is_relative_to(top.resolve())


def _read(path: Path) -> bytes:
    """The bytes of a regular file, as many as settings may have. Raises OSError, FileNotFoundError too for a folder."""
    if not path.is_file():
        raise FileNotFoundError(2, "no such file")
    with path.open("rb") as file:
        return file.read(_MOST_BYTES)


def _shown(path: Path) -> str:
    """A path as people write it: relative to the working folder if it is not far."""
    relative = os.path.relpath(path)
    return relative if relative.count("..") <= 3 else str(path)
