"""Bytes to Documents: never an exception, as many findings as can be had."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import yaml

from runner.compiler.diagnostic import Diagnostic, Severity, Span
from runner.compiler.document.builder import Builder, Parser, Part, Stop
from runner.compiler.document.limits import DEFAULT_LIMITS, Limits
from runner.compiler.document.nodes import Document, Mapping, Node, Scalar
from runner.compiler.document.source import decode, split_lines
from runner.compiler.document.syntax import Complaint, Position, explain

# PyYAML built without libyaml: ten times slower, the same events.
_Parser: Callable[[str], Parser] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*:(?=\s|$)")
_START = re.compile(r"---(?=\s|$)")
# Complaints about a construct that has swallowed what follows it: reading goes on after its beginning.
_SWALLOWS = ("quoted scalar", "flow sequence", "flow mapping")


def read(data: bytes, path: str, limits: Limits = DEFAULT_LIMITS) -> Document:
    """Read one spec: the first document of a file, with what is wrong in any. See `read_all`."""
    first, *others = read_all(data, path, limits)
    if not others:
        return first
    diagnostics = tuple(found for document in (first, *others) for found in document.diagnostics)
    return replace(first, diagnostics=diagnostics, broken=any(one.broken for one in (first, *others)))


def read_all(data: bytes, path: str, limits: Limits = DEFAULT_LIMITS) -> list[Document]:
    """Read every document of a file, at least one. `path` is only for the positions.

    Any bytes give documents, never an exception. Findings about the bytes as such are the first document's.
    """
    source = decode(data, path, limits.size)
    if source.text is None or (source.diagnostics and not source.clean):
        return [Document(path, source.text or "", None, source.diagnostics)]
    builder = Builder(path, source.clean, limits)
    builder.part.diagnostics.extend(source.diagnostics)
    try:
        _read_pieces(builder, source.clean)
    except Stop:
        builder.part.root = None
    else:
        builder.finish()
        for number, part in enumerate(builder.parts):
            if not part.broken and _is_empty(part.root):
                part.root = None
                part.diagnostics.append(_empty(path, part.first_line, number))
    return [_document(path, source.text, part) for part in builder.parts]


def _document(path: str, text: str, part: Part) -> Document:
    broken = part.broken or part.lost
    return Document(path, text, part.root, tuple(part.diagnostics), broken, part.first_line, part.last_line)


def _is_empty(root: Node | None) -> bool:
    return root is None or (isinstance(root, Scalar) and not root.text and not root.style)


def _empty(path: str, line: int, number: int) -> Diagnostic:
    if number:
        hint = "remove the `---`, or write another workflow below it"
        return Diagnostic("empty-file", Severity.ERROR, "this document is empty", Span(path, line, 1, line, 4), hint)
    hint = "begin with `spec: 1`, `name: …` and `steps:`; `runner schema` prints all keys"
    return Diagnostic("empty-file", Severity.ERROR, "the file is empty", Span(path, 1, 1, 1, 1), hint)


def _read_pieces(builder: Builder, text: str) -> None:
    """Feed the text; after a syntax error go on at the next top-level key, or document."""
    lines: list[str] = []
    line = index = errors = 0
    piece, another = text, False
    while True:
        try:
            builder.feed(_Parser(piece), line, index, another=another)
            return
        except yaml.YAMLError as error:
            errors += 1
            lines = lines or split_lines(text)
            complaint = _complaint(error, line)
        builder.part.diagnostics.append(explain(complaint, builder.path, lines))
        builder.part.broken = True
        builder.abandon()
        resume, another = _next_key(lines, line, max(line, _from_line(complaint)))
        root = builder.part.root
        rooted = another or root is None or isinstance(root, Mapping)
        if resume is None or not rooted or errors >= builder.limits.syntax_errors:
            return
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


def _next_key(lines: list[str], begin: int, after: int) -> tuple[int | None, bool]:
    """The line where reading goes on in the piece that begins at `begin`, and whether a document begins there."""
    for number in range(after, len(lines)):
        if number > begin and _START.match(lines[number]):
            return number, True
        if number > after and _KEY.match(lines[number]):
            return number, False
    return None, False


def _index_of(text: str, line: int) -> int:
    """The index of the first character of the 0-based `line`."""
    index = 0
    for _ in range(line):
        found = re.compile(r"\r\n|\r|\n").search(text, index)
        index = found.end() if found else len(text)
    return index
