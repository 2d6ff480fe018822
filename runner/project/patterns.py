"""Patterns of paths, as in `.gitignore`: `drafts/`, `*.tmp.yaml`, `specs/**/old-*.yaml`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache


def matches(patterns: Sequence[str], path: str) -> bool:
    """Whether one of the patterns matches `path`, which is relative and has slashes, or a folder that it is in.

    `*` and `?` stay within a name, `**` stands for any number of folders. A pattern without a slash (or with one at
    its end only) matches at any depth, others from the folder of the `runner.toml` on.
    """
    return any(_compiled(pattern).match(path) for pattern in patterns)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    names = pattern.removeprefix("./").strip("/").split("/")
    anywhere = len(names) == 1 and not pattern.startswith(("/", "./"))
    groups: list[list[str]] = [[]]  # the names between `**`
    for name in names:
        if name == "**":
            groups.append([])
        else:
            groups[-1].append(_name(name))
    first, *others = groups
    out = "(?:.*/)?" if anywhere else ""
    out += _folders(first) if others else "/".join(first)
    out += "".join(f"(?>(?:[^/]+/)*?{_folders(group)})" for group in others[:-1])
    if others:
        out += "(?:[^/]+/)*" + "/".join(others[-1]) if others[-1] else ".*"
    return re.compile(out + r"(?:/.*)?\Z", re.DOTALL)


def _folders(names: Sequence[str]) -> str:
    return "".join(f"{name}/" for name in names)


def _name(name: str) -> str:
    """One name of a path as a regular expression.

    Each star but the last takes as little as it can, and what it took is settled: no pattern takes long.
    """
    chunks = [""]
    for part in re.split(r"(\*+|\?|\[[!^]?[^\]/]+\])", name):
        if part.startswith("*"):
            chunks.append("")
        else:
            chunks[-1] += _part(part)
    first, *others = chunks
    settled = "".join(f"(?>[^/]*?{chunk})" for chunk in others[:-1])
    return first + settled + (f"[^/]*{others[-1]}" if others else "")


def _part(part: str) -> str:
    if part == "?":
        return "[^/]"
    if part.startswith("[") and part.endswith("]") and len(part) > 2:
        return _one_of(part[1:-1])
    return re.escape(part)


def _one_of(inside: str) -> str:
    """`[abc]`, `[!abc]` or `[a-c]`; the text itself if it cannot be read so."""
    negated = inside[0] in "!^" and len(inside) > 1
    letters = re.sub(r"([\\\[&~|^])", r"\\\1", inside[1:] if negated else inside)
    found = f"[{'^/' if negated else ''}{letters}]"
    try:
        re.compile(found)
    except re.error:
        return re.escape(f"[{inside}]")
    return found
