"""What was found in files that have not changed since: to check one again costs a hash.

One file of JSON for each working folder, in `runner/validate` below the user's cache folder, `$XDG_CACHE_HOME` or
`~/.cache`. It is not kept in the project, where a foreign commit could bring findings along, or their absence.
Findings are known by the digest of everything that they depend on: the bytes and the path of the spec, its settings,
the compiler with its schemas; and the other files that were read. What cannot be read or understood counts as empty.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from runner import __version__
from runner.compiler.diagnostic import Diagnostic, Fix, Related, Severity, Span
from runner.compiler.schemas import schema_path

#: What another file was like: the digest of what came of reading it, by its path.
Others = dict[str, str]

_FORMAT = 1
_MOST_BYTES = 4 * 1024 * 1024  # of one file, which each command reads; the newest entries stay
_MOST_FILES = 64  # working folders; those with the newest entries stay
_DRAFT_AGE = 3600.0  # seconds after which the draft of a process that was killed is removed
_PACKAGE = Path(__file__).resolve().parents[1]
# Packages whose version decides what is found.
_LIBRARIES = ("yaml", "jsonschema_rs", "cel_expr_python", "cronsim", "dateutil", "tzdata")


def cache_folder(environment: Mapping[str, str]) -> Path | None:
    """Where caches are kept; None where there is neither XDG_CACHE_HOME nor HOME."""
    base = environment.get("XDG_CACHE_HOME") or ""
    if not Path(base).is_absolute():
        home = environment.get("HOME") or ""
        base = str(Path(home, ".cache")) if home else ""
    return Path(base, "runner", "validate") if base else None


def checker_digest(shellcheck: Path | None = None) -> str:
    """What identifies this checker: its version, and size and time of each of its files and of the libraries."""
    parts = [__version__, sys.version]
    for folder in (_PACKAGE / "compiler", _PACKAGE / "project", schema_path("workflow.v1.schema.json").parent):
        parts += _stamps(folder)
    for name in _LIBRARIES:
        found = find_spec(name)
        parts.append(_stamp(Path(found.origin)) if found and found.origin else f"no {name}")
    if shellcheck is not None:
        parts.append(_stamp(shellcheck))
    return digest("\n".join(parts).encode())


def _stamps(folder: Path) -> list[str]:
    out = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir():
                out += _stamps(Path(entry.path)) if entry.name != "__pycache__" else []
            elif entry.name.endswith((".py", ".json")):
                about = entry.stat()
                out.append(f"{entry.path} {about.st_size} {about.st_mtime_ns}")
    return out


def _stamp(path: Path) -> str:
    about = path.stat()
    return f"{path} {about.st_size} {about.st_mtime_ns}"


def digest(data: bytes) -> str:
    """A digest as text."""
    return hashlib.sha256(data).hexdigest()


class Cache:
    """The findings of one working folder. Usable by several processes at once: the last one to write wins.

    `checker` is the digest of what checks; `read` reads another file, to see whether it changed.
    """

    def __init__(self, folder: Path, checker: str) -> None:
        self._path = folder / f"{digest(os.fsencode(os.getcwd()))[:32]}.json"  # noqa: PTH109 - bytes
        self._checker = checker
        self._new = False
        self._entries = _loaded(self._path)

    def key(self, path: str, data: bytes, settings: str) -> str:
        """By what the findings of a spec are known."""
        parts = (self._checker, settings, path)
        hashed = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape"))
        hashed.update(b"\0" + data)
        return hashed.hexdigest()

    def get(self, key: str, now: Callable[[str], str]) -> list[Diagnostic] | None:
        """The findings known by a key, None if there are none or another file has changed; `now` gives its digest."""
        try:
            entry = self._entries[key]
            if any(now(path) != known for path, known in entry["others"].items()):
                return None
            return [_finding(one) for one in entry["found"]]
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def put(self, key: str, found: list[Diagnostic], others: Others) -> None:
        """Remember findings; `save` writes them."""
        self._entries.pop(key, None)  # the newest stand last
        self._entries[key] = {"found": [_plain(one) for one in found], "others": others}
        self._new = True

    def save(self) -> None:
        """Write what is new, whole or not at all. Where it cannot be written there is no cache."""
        if not self._new:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # What another process found meanwhile stays, as older.
            entries = {**_loaded(self._path), **self._entries}
            _replace(self._path, _bounded(entries))
            _tidy(self._path.parent)


def _loaded(path: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(loaded, dict) or loaded.get("format") != _FORMAT or not isinstance(loaded.get("entries"), dict):
        return {}
    entries: dict[str, Any] = loaded["entries"]
    return entries


def _bounded(entries: dict[str, Any]) -> bytes:
    """The text of the file, without the oldest entries if it would be too large."""
    while True:
        data = json.dumps({"format": _FORMAT, "entries": entries}, separators=(",", ":")).encode()
        if len(data) <= _MOST_BYTES or not entries:
            return data
        entries = dict(list(entries.items())[len(entries) // 2 + 1 :])


def _replace(path: Path, data: bytes) -> None:
    import tempfile  # here: only who has something new waits for it

    handle, name = tempfile.mkstemp(dir=path.parent, prefix="draft-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _tidy(folder: Path) -> None:
    """Remove the files of folders that nothing was added to for longest, and drafts of processes that were killed."""
    files = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    drafts = [path for path in files if path.name.startswith("draft-")]
    kept = [path for path in files if path.suffix == ".json"]
    old = [path for path in drafts if path.stat().st_mtime < time.time() - _DRAFT_AGE]
    for path in [*old, *kept[:-_MOST_FILES]]:
        path.unlink(missing_ok=True)


def _plain(found: Diagnostic) -> dict[str, Any]:
    plain = asdict(found)
    plain["severity"] = found.severity.value
    return plain


def _finding(plain: Mapping[str, Any]) -> Diagnostic:
    fix = plain["fix"]
    return Diagnostic(
        str(plain["code"]),
        Severity(plain["severity"]),
        str(plain["message"]),
        Span(**plain["span"]),
        str(plain["hint"]),
        tuple(Related(one["message"], Span(**one["span"])) for one in plain["related"]),
        None if fix is None else Fix(fix["message"], Span(**fix["span"]), fix["replacement"], fix["safe"]),
    )
