"""Parser events to the tree, with anchors, merge keys and the limits against bombs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import field, replace
from itertools import islice
from typing import Any, Protocol, TypeAlias

from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from runner.compiler.diagnostic import Diagnostic, Fix, Related, Severity, Span
from runner.compiler.document.limits import Limits
from runner.compiler.document.nodes import Entry, Mapping, Node, Scalar, Sequence
from runner.compiler.document.scalars import Unusable, kind_of, resolve
from runner.compiler.document.source import place
from runner.compiler.suggest import certain, listed, nearest
from runner.records import dataclass

_MOST_NAMES = 20  # anchors that a message may list
_CORE = "tag:yaml.org,2002:"
_MEANINGLESS = (StreamStartEvent, DocumentEndEvent)
_PROPERTIES = re.compile(
    r"(?:(?:&[^\s\[\]{},]+|!(?:<[^>\n]*>|[^\s\[\]{},]*))(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n|$))*[ \t]*)+"
)


# The stubs of the library give every mark as optional, though each event of a parser has both.
_Event: TypeAlias = Any
_Value: TypeAlias = bool | int | float | str | Unusable | None  # of a scalar


class Parser(Protocol):
    """What is used of a YAML parser: the next event, StreamEndEvent at the end."""

    def get_event(self) -> _Event: ...


class Stop(Exception):
    """The document breaks a limit: nothing more of it is read. Its finding is already reported."""


class _Anchor:
    """An anchor's node, how large it is when expanded, whether an alias uses it, and what to cut out to remove it."""

    __slots__ = ("cut", "height", "node", "span", "used", "weight")

    def __init__(self, span: Span, cut: Span | None) -> None:
        self.span, self.cut = span, cut
        self.node: Node | None = None  # None while the node is still open
        self.weight = self.height = 0
        self.used = False


class _Frame:
    """A collection that is being read."""

    __slots__ = ("anchor", "end", "entries", "height", "items", "key", "merges", "start", "weight")

    def __init__(self, event: _Event, start: tuple[int, int], anchor: _Anchor | None) -> None:
        self.start = self.end = start
        self.anchor = anchor
        self.entries: dict[str, Entry] | None = {} if type(event) is MappingStartEvent else None
        self.items: list[Node] = []
        self.merges: list[tuple[Scalar, Node]] = []
        self.key: Node | None = None
        self.weight, self.height = 1, 0


@dataclass(slots=True)
class Part:
    """One document: its tree, what is wrong with it, and the 1-based lines where it begins and ends."""

    first_line: int
    root: Node | None = None
    diagnostics: list[Diagnostic] = field(default_factory=list)
    broken: bool = False
    #: Whether what was to be merged is not there: nothing can be concluded from what is missing.
    lost: bool = False
    last_line: int | None = None


class Builder:
    """Builds a tree for each document from the events of one text, or of several pieces of it after syntax errors."""

    def __init__(self, path: str, text: str, limits: Limits) -> None:
        self.path, self.text, self.limits = path, text, limits
        self.parts = [Part(1)]
        self._frames: list[_Frame] = []
        self._anchors: dict[str, _Anchor] = {}
        self._line = self._index = 0  # where the piece that is being read begins
        self._unknown: dict[int, str] = {}  # names of anchors that are not there yet, by the number of the finding
        self._nodes = 0
        self._absent: set[Span] = set()  # aliases of nothing
        self._begun = False  # whether the next document is another one

    @property
    def part(self) -> Part:
        """The document that is being read."""
        return self.parts[-1]

    def feed(self, parser: Parser, line: int, index: int, *, another: bool) -> None:
        """Read a piece that begins at the 0-based `line` and `index`; with `another` it begins with a new document.

        Raises Stop when a limit is broken, and the parser's own errors; TypeError for a parser whose events are not
        those of this PyYAML, as where it is loaded twice: nothing of what it says could be understood.
        """
        self._line, self._index, self._begun = line, index, another
        # Not kept: a builder that holds its own methods stays, with all it read, until garbage is collected.
        handlers: dict[type, Callable[[_Event], None]] = {
            ScalarEvent: self._scalar,
            SequenceStartEvent: self._open,
            MappingStartEvent: self._open,
            SequenceEndEvent: self._end,
            MappingEndEvent: self._end,
            AliasEvent: self._alias,
        }
        for event in iter(parser.get_event, None):
            kind = type(event)
            if (handler := handlers.get(kind)) is not None:
                handler(event)
            elif kind is DocumentStartEvent:
                if self._begun:
                    self._turn(event)
                self._begun = True
            elif kind is StreamEndEvent:
                return
            elif kind not in _MEANINGLESS:
                raise TypeError(f"PyYAML is not whole: its parser gives a foreign {kind.__name__}")
        raise TypeError("PyYAML is not whole: its parser does not say where a text ends")

    def abandon(self) -> None:
        """After a syntax error: close what is open, without a key that got no value."""
        while self._frames:
            self._frames[-1].key = None
            self._close(self._frames[-1].end)

    def finish(self) -> None:
        """The document ends: warn of anchors that no alias uses."""
        part = self.part
        if part.broken:  # an anchor may be in the part that was lost
            part.diagnostics[:] = [found for found in part.diagnostics if found.code != "unknown-anchor"]
            return
        self._tell_late_anchors()
        unused = ((name, anchor) for name, anchor in self._anchors.items() if not anchor.used)
        for name, anchor in islice(unused, self.limits.findings):
            hint = f"remove `&{name}`, or use it with `*{name}`"
            message = f"no alias uses the anchor `{name}`"
            fix = Fix("remove it", anchor.cut, "") if anchor.cut else None
            part.diagnostics.append(Diagnostic("unused-anchor", Severity.WARNING, message, anchor.span, hint, fix=fix))

    def _tell_late_anchors(self) -> None:
        """An alias above its anchor: the anchor is there, and not unused."""
        for number, name in self._unknown.items():
            anchor = self._anchors.get(name)
            if anchor is not None:
                anchor.used = True
                related = (Related("the anchor is here", anchor.span),)
                hint = "an anchor stands above its aliases: exchange them"
                self.part.diagnostics[number] = replace(self.part.diagnostics[number], hint=hint, related=related)

    # -- events

    def _scalar(self, event: _Event) -> None:
        start, end = event.start_mark, event.end_mark
        text, style = event.value, event.style or ""
        line, column = start.line + self._line + 1, start.column + 1
        end_line, end_column = end.line + self._line + 1, end.column + 1
        if style and style in "|>":
            end_line, end_column = self._end_of_block(event)
        elif event.anchor or event.tag:
            line, column = self._content_start(event)
        elif not (text or style) and self._frames and line > self._frames[-1].end[0]:
            # The parser puts a value that is not there where the next thing stands, even behind the last line.
            line, column = end_line, end_column = self._frames[-1].end
        span = Span(self.path, line, column, end_line, end_column)
        anchor = self._anchor(event) if event.anchor else None
        value = text if style else resolve(text)
        if event.tag:
            value = self._tagged(event.tag, text, value, span)
        if isinstance(value, Unusable):
            self._error("bad-number", f"`{_short(text)}` is {value.reason}", span, "quote it if it is meant as a text")
            value = text
        node = Scalar(value, span, text, style)
        if anchor is not None:
            anchor.node, anchor.weight = node, 1
        self._count(span)
        self._add(node, (end_line, end_column), 1, 0)

    def _open(self, event: _Event) -> None:
        start = self._content_start(event) if event.anchor or event.tag else self._place(event)
        span = Span(self.path, *start, *start)
        if len(self._frames) >= self.limits.depth:
            self._too_deep(span)
        anchor = self._anchor(event) if event.anchor else None
        core = _CORE + ("map" if type(event) is MappingStartEvent else "seq")
        if event.tag and event.tag != core:
            self._refuse_tag(event.tag, span)
        self._count(span)
        self._frames.append(_Frame(event, start, anchor))

    def _end(self, event: _Event) -> None:
        mark = event.end_mark
        if event.start_mark.index == mark.index:
            # A block ends where its last item does; so does the map of one pair in `[key: value]`.
            self._close(self._frames[-1].end)
        else:
            self._close((mark.line + self._line + 1, mark.column + 1))

    def _close(self, end: tuple[int, int]) -> None:
        frame = self._frames.pop()
        span = Span(self.path, *frame.start, *end)
        node: Node
        if frame.entries is None:
            node = Sequence(tuple(frame.items), span)
        else:
            node = Mapping(frame.entries, span)
            for key, merged in frame.merges:
                self._merge(frame.entries, key, merged)
        if frame.anchor is not None:
            frame.anchor.node, frame.anchor.weight, frame.anchor.height = node, frame.weight, frame.height + 1
        self._add(node, end, frame.weight, frame.height + 1)

    def _alias(self, event: _Event) -> None:
        start, mark = self._place(event), event.end_mark
        end = (mark.line + self._line + 1, mark.column + 1)
        span = Span(self.path, *start, *end)
        self._count(span)
        anchor = self._anchors.get(event.anchor)
        if anchor is None:
            self._unknown_anchor(event.anchor, span)
        elif anchor.node is None:
            anchor.used = True
            related = (Related("the anchor is here", anchor.span),)
            message = f"the alias `*{event.anchor}` stands inside the value that it names: it would never end"
            self._error("anchor-recursive", message, span, "remove the alias", related)
        else:
            anchor.used = True
            if len(self._frames) + anchor.height > self.limits.depth:
                self._too_deep(span)
            self._add(anchor.node, end, anchor.weight, anchor.height, span)
            return
        self._absent.add(span)
        self._add(Scalar(None, span), end, 1, 0)

    def _unknown_anchor(self, name: str, span: Span) -> None:
        known = list(islice(self._anchors, _MOST_NAMES))
        near = nearest(name, known)
        hint = f"anchors so far: {listed(known, 'and')}" if known else "quote it if a text with `*` is meant"
        fix = None
        if near:
            self._anchors[near[0]].used = True  # it is meant: that nobody uses it is no news
            hint = f"did you mean `{near[0]}`?"
            fix = Fix(f"write `*{near[0]}`", span, f"*{near[0]}", certain(name, known))
        else:
            self._unknown[len(self.part.diagnostics)] = name
        message = f"there is no anchor `{name}` before this alias"
        self._error("unknown-anchor", message, span, hint, fix=fix)

    def _turn(self, event: _Event) -> None:
        """Another document begins: anchors do not reach into it."""
        self.finish()
        line = self._place(event)[0]
        if len(self.parts) >= self.limits.documents:
            message = f"the file has more than {self.limits.documents} workflows"
            self._error("too-many-nodes", message, Span(self.path, line, 1, line, 4), "write several files")
            raise Stop
        self.part.last_line = line - 1
        self.parts.append(Part(line))
        self._anchors, self._unknown = {}, {}

    # -- the tree

    def _add(self, node: Node, end: tuple[int, int], weight: int, height: int, alias: Span | None = None) -> None:
        if not self._frames:
            self._set_root(node)
            return
        frame = self._frames[-1]
        frame.end = end
        frame.weight += weight
        if height > frame.height:
            frame.height = height
        if frame.weight > self.limits.expanded:
            message = f"with its aliases expanded the file has more than {self.limits.expanded:,} values"
            span = alias or node.span
            self._error("alias-bomb", message, span, "use fewer aliases of aliases")
            raise Stop
        if frame.entries is None:
            frame.items.append(node)
        elif frame.key is None:
            frame.key = node
        else:
            key, frame.key = frame.key, None
            self._put(frame, frame.entries, key, node)

    def _put(self, frame: _Frame, entries: dict[str, Entry], key: Node, value: Node) -> None:
        if not isinstance(key, Scalar):
            hint = 'keys are texts; an expression is written in quotes: "${{ … }}"'
            self._error("non-string-key", "a list or a map cannot be a key", key.span, hint)
            return
        name = key.value
        if name == "<<" and not key.style:
            if frame.merges:
                related = (Related("the first one is here", frame.merges[0][0].span),)
                hint = "write one: `<<: [*one, *two]`"
                self._error("duplicate-key", "`<<` is given twice in this map", key.span, hint, related)
            frame.merges.append((key, value))
            return
        if not isinstance(name, str):
            name = key.text
            fix = Fix("quote the key", key.span, f'"{name}"') if key.span.line == key.span.end_line else None
            message = f"the key `{_short(name)}` is {kind_of(key.value)}; keys are texts"
            self._error("non-string-key", message, key.span, f'quote it: "{_short(name)}"', fix=fix)
        if not name:
            if key.value is not None:
                self._error("empty-key", "a key cannot be empty", key.span, "give it a name")
            return
        first = entries.setdefault(name, Entry(key, value))
        if first.key is not key:
            related = (Related("the first one is here; it counts", first.key.span),)
            message = f"the key `{_short(name)}` is given twice in this map"
            self._error("duplicate-key", message, key.span, "remove or rename one of them", related)

    def _merge(self, entries: dict[str, Entry], key: Scalar, merged: Node) -> None:
        sources = merged.items if isinstance(merged, Sequence) else (merged,)
        for source in sources:
            if not isinstance(source, Mapping):
                self.part.lost = True
                if source.span in self._absent:
                    return
                hint = "write `<<: *name` or `<<: [*one, *two]`"
                self._error("bad-merge", "only maps can be merged with `<<`", key.span, hint)
                return
            for name, entry in source.entries.items():
                entries.setdefault(name, entry)

    def _set_root(self, node: Node) -> None:
        if isinstance(self.part.root, Mapping) and isinstance(node, Mapping):
            # A piece after a syntax error: its keys belong to the same map.
            frame = _Frame(MappingStartEvent(None, None, True), (1, 1), None)
            for entry in node.entries.values():
                self._put(frame, self.part.root.entries, entry.key, entry.value)
        else:
            self.part.root = node

    # -- places, anchors, tags, limits

    def _place(self, event: _Event) -> tuple[int, int]:
        return event.start_mark.line + self._line + 1, event.start_mark.column + 1

    def _content_start(self, event: _Event) -> tuple[int, int]:
        """The parser counts `&anchor` and `!tag` to the value; we point at the value itself."""
        index = event.start_mark.index + self._index
        found = _PROPERTIES.match(self.text, index, event.end_mark.index + self._index)
        if isinstance(event, CollectionStartEvent):
            found = _PROPERTIES.match(self.text, index)
        return self._behind(event, self.text[index : found.end()]) if found else self._place(event)

    def _end_of_block(self, event: _Event) -> tuple[int, int]:
        """The parser counts the empty lines behind a block text to it; we do not."""
        index = event.start_mark.index + self._index
        return self._behind(event, self.text[index : event.end_mark.index + self._index].rstrip())

    def _behind(self, event: _Event, written: str) -> tuple[int, int]:
        """The place behind `written`, the text with which the event begins."""
        line, column = self._place(event)
        lines, last = place(written, len(written))
        return (line, column + last - 1) if lines == 1 else (line + lines - 1, last)

    def _anchor(self, event: _Event) -> _Anchor:
        name = event.anchor
        line, column = self._place(event)
        span = Span(self.path, line, column, line, column + len(name) + 1)
        old = self._anchors.get(name)
        if old is not None:
            related = (Related("the first one is here", old.span),)
            self._error("duplicate-anchor", f"the anchor `{name}` is given twice", span, "rename one", related)
        index = event.start_mark.index + self._index
        cut = Span(self.path, line, column, line, column + len(name) + 2)
        spaced = self.text[index : index + len(name) + 2] == f"&{name} "
        anchor = self._anchors[name] = _Anchor(span, cut if spaced else None)
        anchor.used = old is not None and old.used
        return anchor

    def _tagged(self, tag: str, text: str, value: _Value, span: Span) -> _Value:
        if tag in (_CORE + "str", "!"):
            return text
        value = resolve(text)
        fits = {"int": int, "float": float, "bool": bool, "null": type(None)}.get(tag.removeprefix(_CORE))
        if fits is None or not tag.startswith(_CORE):
            self._refuse_tag(tag, span)
        elif type(value) is not fits:
            name = tag.removeprefix(_CORE)
            self._error("custom-tag", f"`{_short(text)}` is not what its tag `!!{name}` says", span, "remove the tag")
        return value

    def _refuse_tag(self, tag: str, span: Span) -> None:
        shown = "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag
        self._error("custom-tag", f"the tag `{_short(shown)}` is not allowed in a spec", span, "remove the tag")

    def _count(self, span: Span) -> None:
        self._nodes += 1
        if self._nodes > self.limits.nodes:
            message = f"the file has more than {self.limits.nodes:,} keys and values"
            self._error("too-many-nodes", message, span, "split it: a step of kind `workflow` runs another spec")
            raise Stop

    def _too_deep(self, span: Span) -> None:
        message = f"lists and maps are nested more than {self.limits.depth} deep"
        self._error("too-deep", message, span, "a spec needs far fewer levels")
        raise Stop

    def _error(
        self,
        code: str,
        message: str,
        span: Span,
        hint: str = "",
        related: tuple[Related, ...] = (),
        fix: Fix | None = None,
    ) -> None:
        self.part.diagnostics.append(Diagnostic(code, Severity.ERROR, message, span, hint, related, fix))
        if len(self.part.diagnostics) >= self.limits.findings:
            raise Stop


def _short(text: str) -> str:
    """A text as it may appear inside a message: one line, not long."""
    one = " ".join(text.split())
    return one if len(one) <= 40 else one[:39] + "…"
