"""What stands between two tokens: blanks, line breaks and comments."""

from __future__ import annotations

from runner.records import dataclass

OPEN = ("FlowSequenceStart", "FlowMappingStart")
CLOSE = ("FlowSequenceEnd", "FlowMappingEnd")
# Behind these a value may be left out, and without a blank some of them swallow what follows.
_LOOSE = ("Value", "Anchor", "Tag", "Key")


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap by lines: `tail` is the comment behind the token before, with the blanks before it; `lines` are the lines
    between, each with its column and without blanks around; `breaks` says whether there is a line break at all.
    """

    tail: str
    lines: tuple[tuple[int, str], ...]
    breaks: bool

    @property
    def comments(self) -> list[str]:
        """The comments, from `#` on."""
        return [line for line in (self.tail.strip(), *(text for _, text in self.lines)) if line]


def read_gap(text: str) -> Gap:
    """Read a gap; its line breaks are LF."""
    first, *rest = text.split("\n")
    lines = tuple((len(line) - len(line.lstrip()), line.strip()) for line in rest[:-1])
    blanks = len(first) - len(first.lstrip())
    tail = " " * max(1, blanks) + first.strip() if first.strip() else ""
    return Gap(tail, lines, breaks=bool(rest))


def between(before: str, after: str) -> str:
    """The blanks between tokens of these kinds on one line."""
    if before in OPEN:
        return ""
    if after in CLOSE or after == "FlowEntry":
        return " " if before in _LOOSE else ""
    if after == "Value":
        return " " if before in (*_LOOSE, "Alias", "FlowEntry") else ""
    return " "


def once(lines: list[str]) -> list[str]:
    """The lines with each row of empty ones made one."""
    return [line for number, line in enumerate(lines) if line or number == 0 or lines[number - 1]]
