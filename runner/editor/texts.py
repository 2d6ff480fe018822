"""The texts that an editor has open, each with its analysis. An open text wins over its file."""

from __future__ import annotations

import os
import posixpath
from dataclasses import replace
from pathlib import Path

from runner.compiler.surroundings import Read, Surroundings, Unreadable
from runner.editor.analysis import Analysis
from runner.project.check import Checker
from runner.project.settings import Projects

_MOST_FILES = 200
_SKIPPED = frozenset({"node_modules", "__pycache__", "venv"})


class Texts:
    """What an editor has open, by path."""

    def __init__(self) -> None:
        self._open: dict[str, Analysis] = {}
        self._checker = Checker(Projects())

    def forget_settings(self) -> None:
        """Settings may have changed: read them again, and analyse every text anew."""
        self._checker = Checker(Projects())
        for path, old in list(self._open.items()):
            self._open[path] = old.then(old.text, self._around(path))

    def put(self, path: str, text: str) -> Analysis:
        """A text was opened or changed."""
        old = self._open.get(path)
        if old is not None and old.text == text:
            return old
        around = self._around(path)
        new = Analysis(text, path, around) if old is None else old.then(text, around)
        self._open[path] = new
        return new

    def drop(self, path: str) -> None:
        """A text was closed."""
        self._open.pop(path, None)

    def get(self, path: str) -> Analysis | None:
        """The analysis of an open text."""
        return self._open.get(path)

    def others(self, path: str) -> list[str]:
        """The other open texts that may look at this one, to be analysed anew."""
        found = []
        for other, old in list(self._open.items()):
            if other != path and "workflow" in old.text:
                self._open[other] = old.then(old.text, old.around)
                found.append(other)
        return found

    def _around(self, path: str) -> Surroundings:
        if not Path(path).is_absolute():
            return Surroundings()  # a text that is no file yet
        around = self._checker.around(path)
        return replace(around, read=self._over(around.read)) if around.read is not None else around

    def _over(self, read: Read) -> Read:
        def read_open(path: str) -> bytes | Unreadable:
            found = self._open.get(posixpath.abspath(path))
            return found.data if found is not None else read(path)

        return read_open


def specs_near(path: str) -> list[str]:
    """The paths of other specs below the folder of this one, as a step of it would name them."""
    folder = Path(path).parent
    found: list[str] = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        if len(Path(root).relative_to(folder).parts) > 2:
            folders.clear()
        names = (Path(root, name) for name in sorted(files) if name.endswith((".yaml", ".yml")))
        found += [f"./{name.relative_to(folder).as_posix()}" for name in names if name != Path(path)]
        if len(found) > _MOST_FILES:
            break
    return found[:_MOST_FILES]
