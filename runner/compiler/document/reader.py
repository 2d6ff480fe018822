"""Bytes to a Document: never an exception, as many findings as can be had."""

from __future__ import annotations

import re
from collections.abc import Callable

import yaml

from runner.compiler.diagnostic import Diagnostic, Severity, Span
from runner.compiler.document.builder import Builder, Parser, Stop
from runner.compiler.document.limits import DEFAULT_LIMITS, Limits
from runner.compiler.document.nodes import Document, Mapping, Scalar
from runner.compiler.document.source import decode, split_lines
from runner.compiler.document.syntax import Complaint, Position, explain

# PyYAML built without libyaml: ten times slower, the same events.
_Parser: Callable[[str], Parser] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*:(?=\s|$)")
# Complaints about a construct that has swallowed what follows it: reading goes on after its beginning.
_SWALLOWS = ("quoted scalar", "flow sequence", "flow mapping")


def read(data: bytes, path: str, limits: Limits = DEFAULT_LIMITS) -> Document:
    """Read one spec. `path` is only for the positions. Any bytes give a Document, never an exception."""
    source = decode(data, path, limits.size)
    if source.text is None or (source.diagnostics and not source.clean):
        return Document(path, source.text or "", None, source.diagnostics)
    builder = Builder(path, source.clean, limits)
    builder.diagnostics.extend(source.diagnostics)
    try:
        broken = _read_pieces(builder, source.clean)
    except Stop:
        return Document(path, source.text, None, tuple(builder.diagnostics))
    if broken:
        # An anchor may be in the part that was lost.
        builder.diagnostics[:] = [found for found in builder.diagnostics if found.code != "unknown-anchor"]
    else:
        builder.finish()
    root = builder.root
    if not broken and (root is None or (isinstance(root, Scalar) and not root.text and not root.style)):
        root = None
        builder.diagnostics.append(_empty(path))
    return Document(path, source.text, root, tuple(builder.diagnostics), broken)


def _empty(path: str) -> Diagnostic:
    hint = "begin with `spec: 1`, `name: …` and `steps:`; `runner schema` prints all keys"
    return Diagnostic("empty-file", Severity.ERROR, "the file is empty", Span(path, 1, 1, 1, 1), hint)


def _read_pieces(builder: Builder, text: str) -> bool:
    """Feed the text; after a syntax error go on at the next top-level key. Return whether there was one."""
    lines: list[str] = []
    line = index = errors = 0
    piece = text
    while True:
        try:
            builder.feed(_Parser(piece), line, index)
            return errors > 0
        except yaml.YAMLError as error:
            errors += 1
            lines = lines or split_lines(text)
            complaint = _complaint(error, line)
        builder.diagnostics.append(explain(complaint, builder.path, lines))
        builder.abandon()
        resume = _next_key(lines, max(line, _from_line(complaint)))
        rooted = builder.root is None or isinstance(builder.root, Mapping)
        if resume is None or not rooted or errors >= builder.limits.syntax_errors:
            return True
        line, index = resume, _index_of(text, resume)
        piece = text[index:]


def _complaint(error: yaml.YAMLError, line: int) -> Complaint:
    context_at = _position(getattr(error, "context_mark", None), line)
    problem_at = _position(getattr(error, "problem_mark", None), line) or context_at or Position(line, 0)
    context, problem = getattr(error, "context", None), getattr(error, "problem", None)
    return Complaint(context or "", context_at, problem or "", problem_at)


def _position(mark: object, line: int) -> Position | None:
    if mark is None:
        return None
    return Position(getattr(mark, "line", 0) + line, getattr(mark, "column", 0))


def _from_line(complaint: Complaint) -> int:
    if complaint.context_at is not None and any(what in complaint.context for what in _SWALLOWS):
        return complaint.context_at.line
    return complaint.problem_at.line


def _next_key(lines: list[str], after: int) -> int | None:
    for number in range(after + 1, len(lines)):
        if _KEY.match(lines[number]):
            return number
    return None


def _index_of(text: str, line: int) -> int:
    """The index of the first character of the 0-based `line`."""
    index = 0
    for _ in range(line):
        found = re.compile(r"\r\n|\r|\n").search(text, index)
        index = found.end() if found else len(text)
    return index
