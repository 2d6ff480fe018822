"""Bytes to text: UTF-8 only, no control characters; every complaint with its place."""

from __future__ import annotations

import codecs
import re

from runner.compiler.diagnostic import Diagnostic, Severity, Span
from runner.records import dataclass

_BREAK = re.compile(r"\r\n|\r|\n")
# What YAML 1.2 does not let into a stream, and three line separators of YAML 1.1 on which editors disagree.
_FORBIDDEN = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_STAND_IN = "\ufffd"
_MOST = 20  # control characters reported one by one


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a file. `clean` is what the parser gets: of the same length, without control characters.

    `text` is None, or `clean` empty beside a finding, when the bytes are no text that could be a spec.
    """

    text: str | None
    clean: str
    diagnostics: tuple[Diagnostic, ...]


def split_lines(text: str) -> list[str]:
    """Split at the line breaks of YAML 1.2: CR LF, CR or LF."""
    return _BREAK.split(text)


def place(text: str, index: int) -> tuple[int, int]:
    """Return the 1-based line and column of the character at `index`, which is not the LF of a CR LF."""
    line, start = 1, 0
    for found in _BREAK.finditer(text, 0, index):
        line, start = line + 1, found.end()
    return line, index - start + 1


def decode(data: bytes, path: str, size: int) -> Source:
    """Decode `data`; UTF-8 with or without a byte order mark, at most `size` bytes."""
    if len(data) > size:
        message = f"the file has {len(data):,} bytes; a spec may have {size:,}"
        return _refused(path, "too-large", message, "split it: a step of kind `workflow` runs another spec")
    for mark, name in (
        (codecs.BOM_UTF32_LE, "UTF-32"),
        (codecs.BOM_UTF32_BE, "UTF-32"),
        (codecs.BOM_UTF16_LE, "UTF-16"),
        (codecs.BOM_UTF16_BE, "UTF-16"),
    ):
        if data.startswith(mark):
            hint = f"save it as UTF-8: iconv -f {name} -t UTF-8 OLD > NEW"
            return _refused(path, "not-utf8", f"the file is written in {name}; a spec is UTF-8", hint)
    data = data.removeprefix(codecs.BOM_UTF8)
    if (nul := data.find(b"\0")) >= 0:
        message = f"the file has a NUL byte (at byte {nul}): it is binary, not a spec"
        return _refused(path, "binary-file", message, "a spec is a text file in UTF-8")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return _not_utf8(data, error, path)
    return _without_controls(text, path)


def _refused(path: str, code: str, message: str, hint: str) -> Source:
    return Source(None, "", (Diagnostic(code, Severity.ERROR, message, Span(path, 1, 1, 1, 1), hint),))


def _not_utf8(data: bytes, error: UnicodeDecodeError, path: str) -> Source:
    before = data[: error.start].decode()
    line, column = place(before, len(before))
    message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
    hint = "save the file as UTF-8; from Latin-1: iconv -f LATIN1 -t UTF-8 OLD > NEW"
    span = Span(path, line, column, line, column)
    return Source(before, "", (Diagnostic("not-utf8", Severity.ERROR, message, span, hint),))


def _without_controls(text: str, path: str) -> Source:
    if not _FORBIDDEN.search(text):
        return Source(text, text, ())
    found: list[Diagnostic] = []
    for match in _FORBIDDEN.finditer(text):
        line, column = place(text, match.start())
        code_point = ord(match.group())
        found.append(
            Diagnostic(
                "control-character",
                Severity.ERROR,
                f"the character U+{code_point:04X} cannot be seen and is not allowed here",
                Span(path, line, column, line, column + 1),
                f'remove it, or write it as "\\u{code_point:04x}" inside double quotes',
            )
        )
        if len(found) == _MOST:
            break
    return Source(text, _FORBIDDEN.sub(_STAND_IN, text), tuple(found))
