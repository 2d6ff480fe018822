"""Pieces of a step's output → whole lines that a page can show. Imports no Prefect."""

from __future__ import annotations

import re
import unicodedata

#: Characters of a line that are shown, lines of one leg, and lines of a run: the pages are for people, and a server
#: has to write each line to its database. All of it is in the run's own logs.
WIDTH = 2_000
MOST_OF_LEG = 2_000
MOST_OF_RUN = 50_000

_CONTROL_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


class Lines:
    """Cuts the output of legs into lines; what is unfinished is kept until `rest`."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], str] = {}
        self._told: dict[str, int] = {}
        self._all = 0

    def feed(self, key: str, stream: str, text: str) -> list[str]:
        """The lines that are complete by now."""
        *lines, rest = (self._open.pop((key, stream), "") + text).split("\n")
        if rest:
            self._open[key, stream] = rest[: 4 * WIDTH]
        return self._counted(key, lines)

    def rest(self, key: str) -> list[tuple[str, str]]:
        """(stream, line) of what a leg left without a line's end, once."""
        found = [(stream, self._open.pop((leg, stream))) for leg, stream in list(self._open) if leg == key]
        return [(stream, line) for stream, text in found for line in self._counted(key, [text])]

    def _counted(self, key: str, lines: list[str]) -> list[str]:
        told = self._told.get(key, 0)
        room = max(0, min(MOST_OF_LEG - told, MOST_OF_RUN - self._all))
        shown = [visible(line) for line in lines[:room]]
        self._told[key] = told + len(shown)
        self._all += len(shown)
        if len(lines) > room and told <= MOST_OF_LEG:  # said once for each leg
            self._told[key] = MOST_OF_LEG + 1
            shown.append(f"… {key} says more than is shown here: see its log by `runner logs`")
        return shown


def visible(line: str) -> str:
    """A line without colours and control characters, of which some databases refuse a few, cut to `WIDTH`."""
    # Of a line that a program has written over, as progress bars do, only the last state is worth a row.
    line = line[: 4 * WIDTH].rstrip("\r").rpartition("\r")[2]
    if not line.isprintable():
        line = _CONTROL_SEQUENCE.sub("", line).expandtabs(4)
        line = "".join(char for char in line if unicodedata.category(char)[0] != "C")
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
