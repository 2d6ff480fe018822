"""The texts that an editor has open, each with its analysis. An open text wins over its file."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from runner.compiler.surroundings import Read, Surroundings, Unreadable
from runner.editor.analysis import Analysis
from runner.project.check import Checker
from runner.project.settings import Projects

_MOST_NAMES = 200  # that are proposed
_MOST_FILES = 5000  # that are searched for a name
_LARGEST = 1 << 20  # bytes of a file that is searched
_DEEPEST = 8  # levels of folders
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

    def at(self, path: str) -> Analysis:
        """The text of a file, as it is open or as it is on disk."""
        return self._open.get(path) or Analysis(self._text(path).decode("utf-8", "replace"), path, self._around(path))

    def others(self, path: str) -> list[str]:
        """The other open texts that may look at this one, to be analysed anew."""
        found = []
        for other, old in list(self._open.items()):
            if other != path and "workflow" in old.text:
                self._open[other] = old.then(old.text, old.around)
                found.append(other)
        return found

    def family(self, path: str, folder: str) -> list[Analysis]:
        """The text of a file, and those below a folder that may run its workflows: they write its name."""
        mark = posixpath.basename(path).encode()
        names = islice(_specs(Path(folder), levels=_DEEPEST), _MOST_FILES)
        own = posixpath.normpath(path)
        every = dict.fromkeys([own, *self._open, *(name.as_posix() for name in names)])
        return [self.at(one) for one in every if one == own or mark in self._text(one)]

    def _text(self, path: str) -> bytes:
        if path in self._open:
            return self._open[path].data
        try:
            return Path(path).read_bytes() if Path(path).stat().st_size <= _LARGEST else b""
        except OSError:
            return b""

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
    found = (f"./{name.relative_to(folder).as_posix()}" for name in _specs(folder, levels=2) if name != Path(path))
    return list(islice(found, _MOST_NAMES))


def _specs(folder: Path, levels: int) -> Iterator[Path]:
    """The YAML files below a folder, some levels deep."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        if len(Path(root).relative_to(folder).parts) >= levels:
            folders.clear()
        yield from (Path(root, name) for name in sorted(files) if name.endswith((".yaml", ".yml")))
