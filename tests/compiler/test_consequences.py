from __future__ import annotations

import pytest

from runner.compiler.compile import check

HEAD = "spec: 1\nname: demo\n"
STEPS = "steps: {a: {sandbox: box, run: x}}\n"


def codes(text: str) -> list[str]:
    return [found.code for found in check((HEAD + text).encode(), "a.yaml")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sandboxes: {box: {needs: {network: all}}}\n" + STEPS, ["bad-enum"]),
        ("sandboxes: {box: {prefer: [docker]}}\n" + STEPS, ["bad-enum"]),
        (
            "sandboxes: {box: {needs: {network: {allow: [a.example]}}, prefer: [webcontainer]}}\n" + STEPS,
            ["sandbox-impossible"],
        ),
        ("sandboxes: [box]\nsteps: {a: {run: x}}\n", ["wrong-type"]),
        ("steps: {a: {run: x}, b: {run: x, after: [A]}}\n", ["bad-id"]),
        ("steps: {a: {run: x}, b: {run: x, after: [aa]}}\n", ["needs-unknown"]),
    ],
)
def test_one_mistake_is_told_once(text: str, expected: list[str]) -> None:
    assert codes(text) == expected
