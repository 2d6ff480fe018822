"""What a program came to, and where two outcomes part."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

# What is of one machine or one version of Node, and what of a report is about Node's own sources.
_NOISE = (
    (re.compile(r"\(node:\d+\)"), "(node:PID)"),
    (re.compile(r"^ +at .*\n?", re.MULTILINE), ""),
    (re.compile(r"^node:[^\n]*:\d+\n.*\n *\^+\n\n?", re.MULTILINE), ""),
    (re.compile(r"^Node\.js v\S+\n?", re.MULTILINE), ""),
    (re.compile(r"^\n", re.MULTILINE), ""),
)


@dataclass(frozen=True)
class Outcome:
    """What a program wrote, and its exit code."""

    stdout: str
    stderr: str
    code: int


def told(stdout: str, stderr: str, code: int, folder: str) -> Outcome:
    """An outcome without the program's folder, process numbers, stack frames, and lines of Node's own sources."""
    stdout, stderr = (text.replace(folder, "/program") for text in (stdout, stderr))
    for pattern, instead in _NOISE:
        stderr = pattern.sub(instead, stderr)
    return Outcome(stdout, stderr, code)


def first_difference(wanted: Outcome, got: Outcome) -> str:
    """Where the outcomes part, in one line."""
    lines = [each for each in difference(wanted, got).splitlines()[2:] if each[:1] in "+-"]
    first = next((line[1:] for line in lines if line[0] == "+"), "")
    return f"code {got.code} for {wanted.code}; {len(lines)} lines differ; first: {first[:150]!r}"


def difference(wanted: Outcome, got: Outcome) -> str:
    """The outcomes compared, line by line."""
    return "\n".join(difflib.unified_diff(_lines(wanted), _lines(got), "Node", "engine", lineterm="", n=1))


def _lines(outcome: Outcome) -> list[str]:
    return [*outcome.stdout.splitlines(), "stderr:", *outcome.stderr.splitlines(), f"code {outcome.code}"]
