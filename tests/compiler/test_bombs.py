"""Files made to take long: each is answered within the time limit of a test, most in well under a second."""

from __future__ import annotations

from collections import Counter

import pytest

from runner.compiler import shape
from runner.compiler.compile import check
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


OF_RULES = {
    "unknown steps": "steps:\n" + "".join(f"  step{n}: {{run: x, after: [stpe{n}]}}\n" for n in range(3_000)),
    "owners nobody knows": "steps:\n" + each("  s{n}: {{run: x, owner: agent{n}}}\n", 5_000),
    "steps that never run": "steps:\n"
    + "".join(
        f"  s{n}: {{run: x, if: false, after: [t{n}]}}\n  t{n}: {{run: x, after: [s{n + 1}]}}\n" for n in range(3_000)
    ),
    "milestones against the graph": "steps:\n"
    + "".join(f"  s{n}: {{run: x, after: [s{max(0, n - 1)}]}}\n" for n in range(1_000))
    + "milestones:\n"
    + "".join(f"  - {{id: m{n}, week: {max(1, 520 - n)}, needs: [s{n}]}}\n" for n in range(1_000)),
    "rows against rows": "steps: {a: {run: x, matrix: {i: "
    + str(list(range(150)))
    + ", j: "
    + str(list(range(150)))
    + ", include: ["
    + ", ".join(f"{{i: {n}}}" for n in range(3_000))
    + "]}}}\n",
    "names alike": "inputs:\n"
    + each("  a{n}: {{type: string}}\n  a_{n}: {{type: string}}\n", 3_000)
    + "steps: {a: {run: x}}\n",
    "values alike": "inputs: {a: {type: array, uniqueItems: true, items: {type: integer}, default: ["
    + ", ".join(f"x{n}" for n in range(20_000))
    + "]}}\nsteps: {a: {run: x}}\n",
}


@pytest.mark.parametrize("name", OF_RULES)
def test_each_rule_tells_of_a_bomb_what_anybody_reads_and_no_more(name: str) -> None:
    counts = Counter(finding.code for finding in check((HEAD + OF_RULES[name]).encode(), "a.yaml"))
    assert max(counts.values(), default=0) <= DEFAULT_LIMITS.findings
