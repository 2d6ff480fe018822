"""Path patterns: `*` and `?` stay inside one component, `**` spans any number of them, `[...]` is a set."""

from __future__ import annotations

import re
from functools import lru_cache

_WILD = re.compile(r"[*?\[]")


def _component(text: str) -> str:
    out = []
    at = 0
    while at < len(text):
        char = text[at]
        close = text.find("]", at + 2) if char == "[" else -1
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif close > 0:
            body = text[at + 1 : close].replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
            out.append(f"(?!/)[{'^' + body[1:] if body.startswith('!') else body}]")
            at = close
        else:
            out.append(re.escape(char))
        at += 1
    return "".join(out)


@lru_cache(maxsize=512)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression for `fullmatch` on a path. Raises ValueError when it is broken."""
    out = ""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            out += ".*" if last else "(?:.*/)?"
        else:
            out += _component(part) + ("" if last else "/")
    try:
        return re.compile(out, re.DOTALL)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a pattern: {error}") from error


def matches(path: str, pattern: str) -> bool:
    """Whether the relative path matches. A pattern without a slash matches any component of the path; one that
    matches a folder matches everything in it.
    """
    parts = path.split("/")
    if "/" not in pattern.rstrip("/"):
        return any(compiled(pattern).fullmatch(part) for part in parts)
    return any(compiled(pattern).fullmatch("/".join(parts[:count])) for count in range(1, len(parts) + 1))


def split(pattern: str) -> tuple[str, str]:
    """(folder, rest): the folders before the first wildcard, and what follows; a plain path has its name as rest."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    fixed = 0
    while fixed < len(parts) - 1 and not _WILD.search(parts[fixed]):
        fixed += 1
    return "/".join(parts[:fixed]), "/".join(parts[fixed:])


def is_plain(pattern: str) -> bool:
    """Whether the pattern has no wildcard at all."""
    return _WILD.search(pattern) is None
