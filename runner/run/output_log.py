"""The output of one attempt on its way to its log file and to people: masked, in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runner.compiler.canonical import Json
from runner.errors import StoreError
from runner.run.artifacts import storage_error
from runner.run.logfile import LogWriter, log_path, read_log
from runner.run.mask import Mask, MaskStream
from runner.run.ports import Stream

#: Characters of the end of the output that are kept for messages.
_TAIL = 2000


class OutputLog:
    """Masks both streams and writes them to `log_path(state, run, leg, attempt)`.

    A disk that is full must not break the box's stream: the error is kept, and `check` raises it.
    """

    def __init__(
        self,
        mask: Mask,
        state: Path,
        which: tuple[str, str, int],
        on_text: Callable[[str, Stream, str], None] | None = None,
        *,
        counted: bool = False,
    ) -> None:
        """`counted`: each line says how much of its stream is told, for a process that may go on with it."""
        run, self._key, attempt = which
        self._mask = mask
        self._path = log_path(state, run, self._key, attempt)
        self._streams: dict[Stream, MaskStream] = {"stdout": mask.stream(), "stderr": mask.stream()}
        self._tails: dict[Stream, str] = {"stdout": "", "stderr": ""}
        self._on_text = on_text
        self._fed: dict[Stream, int] | None = {"stdout": 0, "stderr": 0} if counted else None
        self._writer: LogWriter | None = None
        self._error: StoreError | None = None

    def write(self, stream: Stream, text: str) -> None:
        """Take a piece of raw output (the callback of `Box.run`)."""
        if self._fed is not None:
            self._fed[stream] += len(text)
        self._emit(stream, self._streams[stream].feed(text))

    def note(self, text: str) -> None:
        """A sentence of runner's own, shown with the errors of the step."""
        self._emit("stderr", self._mask.text(text))

    def take_up(self) -> dict[Stream, int]:
        """Go on with a log that another process has begun. Returns how many characters of each stream it has."""
        told: dict[Stream, int] = {"stdout": 0, "stderr": 0}
        if self._path.exists():
            for line in read_log(self._path):
                told[line.stream] = line.end or told[line.stream]
                self._tails[line.stream] = (self._tails[line.stream] + line.text)[-_TAIL:]
        self._fed = dict(told)
        return told

    def close(self) -> dict[str, Json] | None:
        """Write what was held back. Returns {"digest", "bytes"} of the log file, None when there was no output."""
        for stream, masker in self._streams.items():
            self._emit(stream, masker.end())
        if self._writer is None:
            return None
        digest, size = self._writer.close()
        return {"digest": digest, "bytes": size}

    def check(self) -> None:
        """Raise the StoreError that stopped the log, if any."""
        if self._error is not None:
            raise self._error

    def last_words(self) -> str:
        """`: ` and the last line of the output, errors first; "" without output."""
        for stream in ("stderr", "stdout"):
            lines = [line.strip() for line in self._tails[stream].splitlines() if line.strip()]
            if lines:
                return f": {lines[-1][-200:]}"
        return ""

    def _emit(self, stream: Stream, text: str) -> None:
        if not text:
            return
        self._tails[stream] = (self._tails[stream] + text)[-_TAIL:]
        if self._on_text is not None:
            self._on_text(self._key, stream, text)
        if self._error is not None:
            return
        try:
            if self._writer is None:
                self._writer = LogWriter(self._path)
            self._writer.write(stream, text, self._told(stream))
        except OSError as error:
            self._error = storage_error(error, self._path)

    def _told(self, stream: Stream) -> int | None:
        """How many characters of the stream are told once all is written that is not held back."""
        return None if self._fed is None else self._fed[stream] - self._streams[stream].held
