"""The open collections at a token: where their entries stand as written, and where they will."""

from __future__ import annotations

from runner.compiler.document.pieces import Token
from runner.compiler.layout.gaps import CLOSE, OPEN
from runner.records import dataclass

STEP = 2
_MARKERS = ("DocumentStart", "DocumentEnd", "Directive", "StreamEnd")


@dataclass(frozen=True, slots=True)
class Level:
    """An open collection, `map`, `list` or `flow` (in brackets), or the `root` of a document.

    `old` and `new` are the column of its entries as written and as they will be; in brackets `new` is the column of
    the closing one. `loose` is a list whose dashes stand below its key: no tokens say where it begins and ends.
    """

    kind: str
    old: int
    new: int
    loose: bool = False

    @property
    def inside(self) -> int:
        """Where what an entry holds begins, if that is on a line of its own."""
        return self.new if self.kind == "root" else self.new + STEP


class Levels:
    """The levels while the tokens are read one by one: `read` before a token is written, `wrote` behind it."""

    def __init__(self) -> None:
        self.open = [Level("root", -1, 0)]
        self.before = list(self.open)  # as they were behind the last token that was written
        self.begins = False  # whether the next token begins an entry of a map
        self.line = 0  # the column of the line that is being written

    @property
    def top(self) -> Level:
        """The innermost level."""
        return self.open[-1]

    def read(self, token: Token) -> None:
        """Open and close what the token opens and closes."""
        kind = token.kind
        if self.top.loose and kind in ("Key", "Value", "BlockEnd"):
            self.open.pop()
        if kind in ("BlockMappingStart", "BlockSequenceStart"):
            name = "map" if kind == "BlockMappingStart" else "list"
            self.open.append(Level(name, token.column, self.top.inside))
        elif kind == "BlockEntry" and self.top.kind == "map":
            self.open.append(Level("list", self.top.old, self.top.inside, loose=True))
        elif kind == "BlockEnd":
            self.open.pop()
        elif kind == "Key":
            self.begins = True

    def wrote(self, token: Token, *, first: bool) -> None:
        """A token was written; `first` says whether it is the first of its line."""
        if token.kind in OPEN:
            if not first and self.top.kind != "flow":
                self.line = self.top.inside if self.top.kind == "list" else self.top.new
            self.open.append(Level("flow", -1, self.line))
        elif token.kind in CLOSE:
            self.open.pop()
        self.begins = False
        self.before = list(self.open)

    def column(self, token: Token) -> int:
        """The column of a token that is the first of its line."""
        if token.kind in _MARKERS:
            return 0
        if self.top.kind == "flow":
            return self.top.new if token.kind in CLOSE else self.top.inside
        return self.top.new if self._is_entry(token) else self.top.inside

    def _is_entry(self, token: Token) -> bool:
        return self.begins or token.kind == "BlockEntry" or (token.kind == "Value" and self.top.kind == "map")

    def comment_column(self, old: int, token: Token) -> int:
        """The column of a comment on a line of its own before `token`.

        It stands where the next entry does, or where another entry of the level would that it was written at.
        """
        column = self.column(token)
        if self.top.kind == "flow":
            return self.top.inside
        goes_on = token.kind not in _MARKERS and not self._is_entry(token)
        if goes_on or old == token.column or len(self.open) > len(self.before):
            return column
        levels = (level for level in reversed(self.before) if level.old <= old and level.new >= column)
        return next((level.new for level in levels), column)
