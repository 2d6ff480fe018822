"""A step's output, kept in a file of JSON lines beside the store.

Output is the bulk of what a run makes, and nobody needs it in a transaction: in files it costs the store
nothing and can be read with any tool. One line is one piece of text as it arrived:
`{"ts": "2026-01-31T12:00:00.000000Z", "stream": "stdout" | "stderr", "text": "…"}`. Of a command that may outlive the
run's process it has `"end"` too: so many characters of the stream, as they were before masking, are told up to here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal

from runner.errors import UsageError
from runner.records import dataclass

#: File systems allow 255 bytes a name; the rest is for `.<attempt>.jsonl`.
_NAME_BYTES = 200
_DIGEST_CHARS = 16
_SUFFIX = re.compile(r"\.(\d+)\.jsonl$")
#: Letters of both cases look the same on some file systems, so capitals are escaped too.
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-=,")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One piece of output; `text` need not end with a newline."""

    ts: str
    stream: Literal["stdout", "stderr"]
    text: str
    end: int | None = None


def safe_name(key: str) -> str:
    """Return a file name for any key: `a-z 0-9 _ - = ,` stay, every other byte of its UTF-8 becomes `%XX`.

    Different keys give different names. A name that would be too long is cut and ends in `%~` and a digest of the key;
    only for those `original_name` cannot give the key back.
    """
    raw = key.encode("utf-8", "surrogatepass")
    name = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in raw)
    if len(name) <= _NAME_BYTES:
        return name or "%"
    tail = hashlib.sha256(raw).hexdigest()[:_DIGEST_CHARS]
    return f"{name[: _NAME_BYTES - _DIGEST_CHARS - 2]}%~{tail}"


def original_name(name: str) -> str | None:
    """Return the key that `safe_name` turned into `name`; None when the name was cut or is not one of ours."""
    if name == "%":
        return ""
    if "%~" in name or re.sub(r"%[0-9A-F]{2}", "", name).strip("abcdefghijklmnopqrstuvwxyz0123456789_-=,"):
        return None
    raw = re.sub(rb"%([0-9A-F]{2})", lambda match: bytes([int(match[1], 16)]), name.encode())
    return raw.decode("utf-8", "surrogatepass")


def log_folder(state_dir: Path, run: str) -> Path:
    """The folder of a run's logs: `<state>/runs/<run>/logs`."""
    return state_dir / "runs" / safe_name(run) / "logs"


def log_path(state_dir: Path, run: str, leg_key: str, attempt: int) -> Path:
    """The file of one attempt's output: `<state>/runs/<run>/logs/<safe leg key>.<attempt>.jsonl`."""
    return log_folder(state_dir, run) / f"{safe_name(leg_key)}.{attempt}.jsonl"


def attempts(state_dir: Path, run: str, leg_key: str) -> list[int]:
    """The attempts of a leg that have a log, in order."""
    folder, name = log_folder(state_dir, run), safe_name(leg_key)
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        match = _SUFFIX.search(path.name)
        if match is not None and path.name[: match.start()] == name:
            found.append(int(match[1]))
    return sorted(found)


class LogWriter:
    """Appends output to a log, making its folder; every line is handed to the operating system at once.

    The text must be free of secrets already. Not for use from several threads. Raises OSError (a full disk, …).
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._hash = hashlib.sha256()
        self._size = 0
        _mend(path)
        if path.exists():  # an attempt that a dead process began: the digest covers the whole file
            content = path.read_bytes()
            self._hash.update(content)
            self._size = len(content)
        self._file = path.open("ab", buffering=0)

    def write(self, stream: Literal["stdout", "stderr"], text: str, end: int | None = None) -> None:
        """Append one piece of output with the time of now; empty text is nothing."""
        if not text:
            return
        ts = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        # ASCII JSON: a lone surrogate in a program's output must not stop the log.
        about = {"ts": ts, "stream": stream, "text": text} | ({} if end is None else {"end": end})
        line = json.dumps(about).encode() + b"\n"
        rest = memoryview(line)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._hash.update(line)
        self._size += len(line)

    def close(self) -> tuple[str, int]:
        """Close the file and return (SHA-256 in hexadecimal, bytes) of it. May be called again."""
        self._file.close()
        return self._hash.hexdigest(), self._size

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _mend(path: Path) -> None:
    """End a line that a killed process left half written, so that the next one starts on its own."""
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("r+b") as file:
        file.seek(-1, 2)
        if file.read(1) != b"\n":
            file.write(b"\n")


def read_log(path: Path) -> Iterator[LogLine]:
    """Yield the lines of a log in order. A half-written line (its writer was killed) is left out.

    Raises UsageError when there is no such log.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise UsageError(f"no log at {path}", "The step has not run yet: see `runner status`.") from None
    with file:
        for raw in file:
            try:
                value = json.loads(raw)
            except ValueError:
                continue
            yield LogLine(value["ts"], value["stream"], value["text"], value.get("end"))
