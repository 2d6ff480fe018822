"""The YAML parser's complaints in our words: what is wrong, at the place where a person looks for it."""

from __future__ import annotations

import re
from typing import Literal

from runner.compiler.diagnostic import Diagnostic, Fix, Severity, Span
from runner.records import dataclass

Where = Literal["problem", "context"]


@dataclass(frozen=True, slots=True)
class Position:
    """0-based line and column, as the parser counts."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Complaint:
    """What the parser said: the construct it was in and what it met, each with its place if known."""

    context: str
    context_at: Position | None
    problem: str
    problem_at: Position


@dataclass(frozen=True, slots=True)
class _Sentence:
    pattern: str  # found in "context: problem" of the parser
    message: str
    hint: str = ""
    where: Where = "problem"


_SENTENCES = (
    _Sentence(
        r"quoted scalar: found unexpected (end of stream|document indicator)",
        "this quoted text is never closed",
        "close it with the quote it began with; a quote inside 'single quotes' is written twice",
        "context",
    ),
    _Sentence(
        r"unknown escape character",
        "this escape is not known in a text in double quotes",
        "write \\\\ for a backslash, or use single quotes, in which a backslash is only a backslash",
    ),
    _Sentence(
        r"invalid Unicode character escape",
        "this escape is no character by itself",
        "write the character itself, or its number with eight digits: \\U0001F600",
    ),
    _Sentence(r"hexdecimal|hexadecimal|escape code", "this escape needs hexadecimal digits", "for example \\u00e9"),
    _Sentence(r"flow sequence", "this list has no closing `]`, or a `,` is missing in it", "[a, b, c]", "context"),
    _Sentence(r"flow mapping", "this map has no closing `}`, or a `,` is missing in it", "{a: 1, b: 2}", "context"),
    _Sentence(
        r"mapping values are not allowed",
        "a `:` makes a key here, where no key may stand",
        "quote a text that has `: ` in it; indent the keys of one map alike",
    ),
    _Sentence(
        r"block sequence entries are not allowed",
        "a list item `- …` may not begin here",
        "put the first `-` of a list on a line of its own, below its key",
    ),
    _Sentence(r"mapping keys are not allowed", "a key may not begin here", "put it on a line of its own"),
    _Sentence(
        r"simple key: (could not find expected|.*expected) ':'",
        "this line is no `key: value`",
        "add the `:` after its key, indent it if it belongs to the text above, or begin it with `#` as a comment",
        "context",
    ),
    _Sentence(
        r"block mapping: .*expected (key|<block end>)",
        "this does not continue the map that it stands in",
        "indent the keys of one map alike; a text goes on after its closing quote only if all of it is quoted",
    ),
    _Sentence(
        r"block (collection|sequence): .*expected",
        "a list item `- …` is expected here",
        "indent all `-` of one list alike, and a key that follows the list less or like the key above it",
    ),
    _Sentence(r"indentation indicator", "the indentation of a block text is 1 to 9", "leave it out: `|` or `>`"),
    _Sentence(r"block scalar", "after `|` or `>` the line must end", "put the text on the next line, indented"),
    _Sentence(r"alias|anchor", "an anchor or alias needs a name of letters and digits", "&name and later *name"),
    _Sentence(
        r"directive|tag handle|incompatible YAML",
        "this directive is not known",
        "remove the line: a spec needs no directive",
    ),
    _Sentence(r"\btag\b", "this tag is not complete", "remove it: a spec needs no tags"),
    _Sentence(
        r"expected '?<document start>",
        "the document has ended before this",
        "remove what is too much (a `]` or `}`, a second anchor), or quote the whole text",
    ),
    _Sentence(r"node content|expected the node content", "a value is expected here", "remove this, or quote the text"),
)
_STARTERS = {
    "@": "`@` cannot begin a text",
    "`": "a backquote cannot begin a text",
    "%": "`%` cannot begin a text",
}
_BARE_EXPRESSION = re.compile(r"""[{,][^'"]*\$\{\{""")
# The value of a key in a block: a plain text that no comment follows.
_VALUE = re.compile(r"[ ]*(?:- )*[A-Za-z_][A-Za-z0-9_-]*:[ ]+([^\s'\"\[\]{}|>&*!%@`#][^#]*?)[ ]*")
_TABS = re.compile(r"[ \t]*")


def explain(complaint: Complaint, path: str, lines: list[str]) -> Diagnostic:
    """Return the finding for one complaint; `lines` is the text it is about."""
    at = complaint.problem_at
    said = f"{complaint.context}: {complaint.problem}"
    char = _char(lines, at)
    if "\t" in said or char == "\t" or "tab" in complaint.problem:
        return _tab(path, lines, at)
    if "cannot start any token" in complaint.problem and char in _STARTERS:
        return _at(path, lines, at, f"{_STARTERS[char]} in YAML", "put the text in quotes")
    for sentence in _SENTENCES:
        if re.search(sentence.pattern, said):
            if sentence.where == "context" and complaint.context_at is not None:
                at = complaint.context_at
            fix = _quoted(path, lines, at) if "mapping values" in complaint.problem else None
            return _at(path, lines, at, sentence.message, _quote(lines, complaint.problem_at) or sentence.hint, fix)
    return _at(path, lines, at, "this is not YAML", "put texts with special characters in quotes")


def _quote(lines: list[str], at: Position) -> str:
    """The remedy when the braces of an expression were taken for a map."""
    line = lines[at.line] if at.line < len(lines) else ""
    return 'quote a text with an expression: "${{ … }}"' if _BARE_EXPRESSION.search(line) else ""


def _quoted(path: str, lines: list[str], at: Position) -> Fix | None:
    """Quotes around a text of one line that has a `:` in it. Whether all of it is meant is a guess."""
    match = _VALUE.fullmatch(lines[at.line]) if at.line < len(lines) else None
    if match is None or at.column < match.start(1):
        return None
    text = match[1].replace("\\", "\\\\").replace('"', '\\"')
    span = Span(path, at.line + 1, match.start(1) + 1, at.line + 1, match.end(1) + 1)
    return Fix("quote the text", span, f'"{text}"', safe=False)


def _char(lines: list[str], at: Position) -> str:
    line = lines[at.line] if at.line < len(lines) else ""
    return line[at.column : at.column + 1]


def _at(path: str, lines: list[str], at: Position, message: str, hint: str, fix: Fix | None = None) -> Diagnostic:
    at = _inside(lines, at)
    end = at.column + (1 if _char(lines, at) else 0)
    span = Span(path, at.line + 1, at.column + 1, at.line + 1, end + 1)
    return Diagnostic("yaml-syntax", Severity.ERROR, message, span, hint, fix=fix)


def _inside(lines: list[str], at: Position) -> Position:
    """The parser may point behind the last line: then the end of the last written one is meant."""
    line, column = min(at.line, len(lines) - 1), at.column
    if at.line >= len(lines):
        column = len(lines[line])
    while line > 0 and not lines[line].strip():
        line -= 1
        column = len(lines[line])
    return Position(line, min(column, len(lines[line])))


def _tab(path: str, lines: list[str], at: Position) -> Diagnostic:
    found = _TABS.match(lines[at.line])
    indent = found.group() if found else ""
    begin, end = (0, len(indent)) if "\t" in indent and at.column <= len(indent) else (at.column, at.column + 1)
    span = Span(path, at.line + 1, begin + 1, at.line + 1, end + 1)
    fix = Fix("indent with spaces", span, indent.replace("\t", "  ") or " ", safe=False)
    message = "a tab is used where YAML allows only spaces"
    return Diagnostic("yaml-syntax", Severity.ERROR, message, span, "indent with two spaces", fix=fix)
