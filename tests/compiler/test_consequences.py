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
        ("inputs: {t: {type: string}}\nsteps: {a: {run: x, evn: {T: '${{ inputs.t }}'}}}\n", ["unknown-key"]),
        ("inputs: {t: {type: string}}\nsteps: {a: {run: x, evn:\n  {T: '${{ inputs.t }}'}}}\n", ["unknown-key"]),
        ("inputs: {t: {type: string}}\nsteps: {a: {run: ['${{ inputs.t }}']}}\n", ["wrong-type"]),
        (
            "inputs: {t: {type: string}, u: {type: string}}\nsteps: {a: {run: x, evn: {T: '${{ inputs.t }}'}}}\n",
            ["input-unused", "unknown-key"],
        ),
        ("milestones: [{id: m, week: 1, need: [a]}]\nsteps: {a: {run: x}}\n", ["unknown-key"]),
        (
            "milestones: [{id: m, week: 1, needs: [a]}, {id: n, wek: 2, needs: [a]}]\nsteps: {a: {run: x}}\n",
            ["unknown-key"],
        ),
        ("agents: {l: {human: true}}\nsteps: {a: {run: x, owner: l}, b: {run: x, onwer: l}}\n", ["unknown-key"]),
        (
            "env: {A: &b x, C: *b, D: *b, E: [*b]}\nsteps: {a: {run: x}}\nsecrets: {t: {env: T}}\n",
            ["wrong-type", "secret-unused"],
        ),
    ],
)
def test_one_mistake_is_told_once(text: str, expected: list[str]) -> None:
    assert codes(text) == expected


@pytest.mark.parametrize(
    "first", ["inputs: {t: {type: string}}\nname: demo\n", "name: demo\ninputs: {t: {type: string}}\n"]
)
def test_what_a_map_lacks_says_nothing_of_its_first_key(first: str) -> None:
    found = [one.code for one in check((first + "steps: {a: {run: x}}\n").encode(), "a.yaml")]
    assert sorted(found) == ["input-unused", "missing-key"]
