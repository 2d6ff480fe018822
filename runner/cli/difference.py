"""What would be written, as a unified difference to what is."""

from __future__ import annotations

import re

_LINE = re.compile(r"[^\n]*\n|[^\n]+")  # other line breaks of Unicode may stand inside a text


def difference(path: str, old: bytes, new: bytes, done: str) -> str:
    """The difference between two texts of a file; `done` says what the new one is. Empty where they are equal."""
    if old == new:
        return ""
    from difflib import unified_diff  # only where something differs: it takes a while to import

    before, after = (_LINE.findall(text.decode()) for text in (old, new))
    lines = unified_diff(before, after, path, f"{path} ({done})")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ no newline at the end of the file\n" for line in lines)
