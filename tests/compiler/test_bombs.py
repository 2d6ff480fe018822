"""Files made to take long: each is answered within the time limit of a test, most in well under a second."""

from __future__ import annotations

import pytest

from runner.compiler import shape
from runner.compiler.diagnostic import Diagnostic
from runner.compiler.document import DEFAULT_LIMITS, read

HEAD = "spec: 1\nname: demo\n"
MANY = 20_000


def each(line: str, count: int = MANY) -> str:
    return "".join(line.format(n=n) for n in range(count))


BOMBS = {
    "block texts": "steps:\n" + each("  s{n}:\n    run: |\n      x\n", 10_000),
    "anchors": "steps:\n" + each("  s{n}: &a{n} {{run: x}}\n"),
    "tags": "labels:\n" + each("  s{n}: !!str x\n"),
    "unknown anchors": "labels:\n" + each("  s{n}: [&anchor{n} x, *ancor{n}]\n", 10_000),
    "duplicate keys": "labels:\n" + each("  a: x\n"),
    "number keys": "labels:\n" + each("  {n}: x\n"),
    "bad ids": "steps:\n" + each("  S{n}: {{run: x}}\n"),
    "unknown keys": "steps:\n  a:\n    run: x\n" + each("    timeot{n}: x\n"),
    "long unknown keys": "steps:\n  a:\n    run: x\n" + each("    " + "description" * 6 + "{n}: x\n", 10_000),
    "steps without a kind": "steps:\n" + each("  s{n}: {{cwd: x}}\n", 5_000),
    "wrong types": "labels:\n" + each("  s{n}: [x]\n"),
    "repeated items": "steps: {a: {run: x, after: [" + "b, " * MANY + "b]}}\n",
    "one long line": "title: " + "x " * 400_000 + "\nsteps: {a: {run: x}}\n",
    "open lists": "labels: " + "[" * 100_000,
    "open maps": "labels: " + "{a: " * 100_000,
    "broken sections": each("k{n}: @x\n"),
    "comments": "# x\n" * 100_000,
    "line breaks": "\n" * 1_000_000,
    "control characters": "title: '" + "\x01" * 100_000 + "'\n",
}


@pytest.mark.parametrize("name", list(BOMBS))
def test_a_bomb_is_answered_with_a_bounded_number_of_findings(name: str) -> None:
    document = read((HEAD + BOMBS[name]).encode(), "a.yaml")
    found: list[Diagnostic] = [*document.diagnostics, *shape.check(document)]
    assert len(found) <= 2 * DEFAULT_LIMITS.findings
    assert all(len(diagnostic.message) + len(diagnostic.hint) < 1_000 for diagnostic in found)
