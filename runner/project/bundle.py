"""The texts that a spec is made of, by content: the spec's own and those of the files it names while it is compiled.

A deployment names a bundle by its digest, and a worker elsewhere compiles from it exactly what was validated here.
Files that steps copy into boxes are no part of it: they are taken from the folder of the project where the run is.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import cast

from runner.compiler.canonical import Json, canonical
from runner.compiler.diagnostic import Severity
from runner.compiler.document import DEFAULT_LIMITS
from runner.compiler.surroundings import Read, Settings, Surroundings, Unreadable
from runner.errors import StoreError
from runner.project.reader import project_root
from runner.records import dataclass

_OFF = "off"


@dataclass(frozen=True, slots=True)
class Bundle:
    """`path` is the spec's, `texts` are UTF-8 texts by path, all relative to the project's folder with `/` between;
    `name` says which of several workflows of the file is meant, None for the only one; `severity` is what `runner.toml`
    says of checks, by code, "off" for one that is not made.
    """

    path: str
    name: str | None
    texts: Mapping[str, str]
    severity: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The SHA-256 of its canonical JSON, as hex."""
        return hashlib.sha256(canonical(self.to_json())).hexdigest()

    def to_json(self) -> dict[str, Json]:
        """Plain JSON, as it is stored."""
        return {"path": self.path, "name": self.name, "texts": dict(self.texts), "severity": dict(self.severity)}

    @property
    def around(self) -> Surroundings:
        """What it is compiled with again: its own texts, under the settings that it was checked with."""
        found = {code: None if word == _OFF else Severity(word) for code, word in self.severity.items()}
        return Surroundings(Settings(severity=found), self.read)

    @property
    def data(self) -> bytes:
        """The spec's own text."""
        return self.texts[self.path].encode()

    def read(self, path: str) -> bytes | Unreadable:
        """A text of the bundle by its path."""
        found = self.texts.get(posixpath.normpath(path))
        return Unreadable("it is not part of what was deployed") if found is None else found.encode()


class Gathering:
    """Reads for the compiler, and keeps what it read. Paths are as the compiler writes them, like the spec's own."""

    def __init__(self, spec: str, data: bytes, read: Read | None) -> None:
        self._spec = spec
        self._read = read
        self._found: dict[str, bytes] = {spec: data}

    def read(self, path: str) -> bytes | Unreadable:
        """What is in that file; kept when there is anything."""
        found = self._read(path) if self._read else Unreadable("there is nothing to read from")
        if isinstance(found, bytes) and len(found) <= DEFAULT_LIMITS.size:
            self._found[path] = found
        return found

    def bundle(self, name: str | None, settings: Settings) -> Bundle:
        """All that was read so far. The texts have been compiled, and so are UTF-8."""
        root = project_root(Path(self._spec))
        texts = {_within(path, root): data.decode("utf-8-sig", "replace") for path, data in self._found.items()}
        severity = {code: found.value if found else _OFF for code, found in sorted(settings.severity.items())}
        return Bundle(_within(self._spec, root), name, dict(sorted(texts.items())), severity)


def from_json(stored: Mapping[str, Json], digest: str) -> Bundle:
    """A bundle as it was stored. Raises StoreError when it is not the one with that digest."""
    try:
        texts = {str(path): str(text) for path, text in cast("dict[str, Json]", stored["texts"]).items()}
        name = stored["name"]
        severity = {str(code): str(word) for code, word in cast("dict[str, Json]", stored["severity"]).items()}
        found = Bundle(str(stored["path"]), None if name is None else str(name), texts, severity)
    except (KeyError, AttributeError) as error:
        raise StoreError(
            f"the deployed texts {digest[:12]} cannot be read", "Deploy the spec again: runner deploy"
        ) from error
    if found.digest != digest or found.path not in texts:
        raise StoreError(
            f"the deployed texts {digest[:12]} are not what was deployed", "Deploy the spec again: runner deploy"
        )
    return found


def _within(path: str, root: Path) -> str:
    real = Path(path).resolve()
    return real.relative_to(root).as_posix() if real.is_relative_to(root) else posixpath.basename(path)
