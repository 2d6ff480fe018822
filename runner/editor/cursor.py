"""Where in a spec a place is, read from the text before it alone: it may end in the middle of anything.

The reader knows what a person writes: block maps and lists by their indentation, brackets, quotes, block texts and
comments. A tree of the whole text knows more; it does not exist while somebody types.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from runner.compiler.document import split_lines
from runner.editor.analysis import Path

_KEY = re.compile(
    r"""(?P<key>"[^"]*"|'[^']*'|[^\s#'"\[\]{},&*!|>%@`:-](?:[^:#]|:(?=\S)|(?<=\S)#)*?|-(?=\S)[^:]*?)\s*:(?=\s|$)"""
)
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
_BLOCK = re.compile(r"[|>][-+0-9]*(?:\s+#.*|\s*)$")
_OPEN = "${{"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a place is: `path` leads to the map whose key is being written, or (not `is_key`) to the value.

    `word` is what is written of the key or value so far, without its opening quote `quote`, or of the line in a text of
    several lines; `expression` what is written since an open `${{`, None outside of one. `flow` says whether brackets
    are open, `block` whether it is inside a text of several lines, `comment` inside a comment; `seen` are the keys of
    the map before the place.
    """

    path: Path
    is_key: bool
    word: str = ""
    quote: str = ""
    expression: str | None = None
    flow: bool = False
    block: bool = False
    comment: bool = False
    seen: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Frame:
    """An open collection: the indentation of its entries, -1 in brackets; the key or number it is at."""

    indent: int
    name: str | int | None = None
    mark: str = ""  # the closing bracket
    seen: set[str] = field(default_factory=set)  # the keys of the map so far


@dataclass(slots=True)
class _State:
    frames: list[_Frame] = field(default_factory=list)
    text_indent: int | None = None  # of the key whose block text is being read
    token: str = ""  # what is written of the key or value so far
    quote: str = ""
    after_colon: bool = False
    comment: bool = False
    ended: set[str] = field(default_factory=set)  # the keys of the map that the line goes on with

    @property
    def in_flow(self) -> bool:
        return bool(self.frames) and self.frames[-1].mark != ""


def cursor(text: str, line: int, column: int) -> Cursor:
    """Where the 1-based `line` and `column` are."""
    lines = split_lines(text)
    line = min(max(line, 1), len(lines))
    state = _State()
    for whole in lines[: line - 1]:
        _read_line(state, whole, last=False)
    head = lines[line - 1][: column - 1]
    _read_line(state, head, last=True)
    return _result(state, head)


def _result(state: _State, head: str) -> Cursor:
    names: list[str | int] = [frame.name for frame in state.frames if frame.name is not None]
    block = state.text_indent is not None
    written = head if block else state.token
    at = written.rfind(_OPEN)
    inside = written[at + len(_OPEN) :] if at >= 0 and "}}" not in written[at:] else None
    top = state.frames[-1] if state.frames else None
    is_list = top is not None and isinstance(top.name, int)
    is_key = not (block or state.after_colon or is_list)
    started = state.token[1:] if state.quote else _PROPERTIES.sub("", state.token, count=1)
    word = head.lstrip() if block else started
    seen = frozenset(top.seen if top is not None and state.in_flow else state.ended)
    return Cursor(tuple(names), is_key, word, state.quote, inside, state.in_flow, block, state.comment, seen)


def _read_line(state: _State, line: str, *, last: bool) -> None:
    stripped = line.strip()
    indent = len(line) - len(line.lstrip(" "))
    state.comment = False
    if state.text_indent is not None:
        if indent > state.text_indent or not (stripped or last):
            return
        state.text_indent = None
    if state.in_flow or state.quote:
        _flow(state, line, last=last)
        return
    if line.startswith(("---", "...")):
        state.frames.clear()
        _settle(state)
        return
    if not last and (not stripped or stripped.startswith("#")):
        return
    _block(state, line, indent, last=last)


def _settle(state: _State) -> None:
    state.token, state.quote, state.after_colon = "", "", False


def _leave(state: _State, indent: int, *, dash: bool) -> None:
    """Close what a line of that indentation is not part of; a dash may stand below its key."""
    state.ended = set()
    while state.frames:
        top = state.frames[-1]
        is_list = isinstance(top.name, int)
        if top.indent < indent or (top.indent == indent and dash and not is_list):
            return
        if top.indent == indent and dash and is_list:
            return
        if top.indent == indent:
            state.ended = top.seen
        state.frames.pop()


def _block(state: _State, line: str, indent: int, *, last: bool) -> None:
    """A line outside of brackets: dashes, a key, a value."""
    _settle(state)
    rest, at = line[indent:], indent
    if rest.startswith("#"):
        _leave(state, indent, dash=False)
        state.comment = True
        return
    while rest == "-" or rest.startswith("- "):
        _leave(state, at, dash=True)
        top = state.frames[-1] if state.frames else None
        if top is not None and top.indent == at and isinstance(top.name, int):
            top.name += 1
        else:
            state.frames.append(_Frame(at, 0))
        skipped = len(rest) - len(rest[1:].lstrip(" "))
        at, rest = at + skipped, rest[skipped:]
        if rest == "" and skipped == 1:
            return
    if at == indent:
        _leave(state, at, dash=False)
    _entry(state, rest, at, last=last)


def _entry(state: _State, rest: str, at: int, *, last: bool) -> None:
    found = _KEY.match(rest)
    if found is None:
        _value(state, rest, at, last=last)
        return
    key = found["key"]
    name = key[1:-1] if key[0] in "'\"" else key
    state.frames.append(_Frame(at, name, seen=state.ended | {name}))
    value = rest[found.end() :]
    state.after_colon = True
    _value(state, value.lstrip(" "), at, last=last)


def _value(state: _State, value: str, at: int, *, last: bool) -> None:
    properties = _PROPERTIES.match(value)
    value = value[properties.end() :] if properties else value
    if _BLOCK.match(value):
        state.text_indent = None if last else at
        state.token = value if last else ""
        return
    _flow(state, value, last=last)


def _flow(state: _State, text: str, *, last: bool) -> None:
    """Brackets, quotes and plain words, sign by sign."""
    at = 0
    while at < len(text):
        sign = text[at]
        if state.quote:
            at = _quoted(state, text, at)
            continue
        if sign == "#" and (at == 0 or text[at - 1] in " \t"):
            state.comment = last
            return
        if sign in "[{" and _begins(state):
            state.frames.append(_Frame(-1, 0 if sign == "[" else None, "]" if sign == "[" else "}"))
            _settle(state)
        elif state.in_flow and sign in "]},":
            _punctuation(state, sign)
        elif state.in_flow and sign == ":" and (at + 1 == len(text) or text[at + 1] in " ,]}"):
            _colon(state)
        elif sign in "'\"" and _begins(state):
            state.token, state.quote = sign, sign
        elif state.token or sign not in " \t":
            state.token += sign
        at += 1
    if not state.in_flow and not state.quote and not last:
        state.token = ""


def _begins(state: _State) -> bool:
    """Whether nothing of the key or value is written yet, but an anchor or a tag."""
    return not state.token.strip() or _PROPERTIES.fullmatch(state.token) is not None


def _quoted(state: _State, text: str, at: int) -> int:
    """One sign inside quotes; returns where reading goes on."""
    sign = text[at]
    if (sign == "\\" and state.quote == '"') or (sign == "'" and text[at : at + 2] == "''" and state.quote == "'"):
        state.token += text[at : at + 2]
        return at + 2
    if sign == state.quote:
        state.token, state.quote = state.token[1:], ""
        return at + 1
    state.token += sign
    return at + 1


def _punctuation(state: _State, sign: str) -> None:
    top = state.frames[-1]
    if sign == ",":
        top.name = top.name + 1 if isinstance(top.name, int) else None
        _settle(state)
        return
    state.frames.pop()
    _settle(state)
    state.token = "]"  # noqa: S105 - a value that has ended: nothing of it can be completed
    state.after_colon = True


def _colon(state: _State) -> None:
    top = state.frames[-1]
    if not isinstance(top.name, int):
        top.name = state.token.strip()
        top.seen.add(top.name)
        _settle(state)
        state.after_colon = True
