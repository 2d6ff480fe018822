"""Random workflows of whatever the language has, whose boxes understand the words of `tests.chaos.world`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

CHILD = json.dumps(
    {
        "spec": 1,
        "name": "child",
        "sandboxes": {"own": {"needs": {"runtime": "shell"}, "scope": "step", "prefer": ["e2b"]}},
        "steps": {
            "one": {"sandbox": "own", "run": "word; put said=1", "outputs": {"said": {"type": "integer"}}},
            "two": {"sandbox": "own", "after": ["one"], "run": "word nap"},
        },
        "outputs": {"said": {"value": "${{ steps.one.outputs.said }}"}},
    }
)
FILES = {"child.yaml": CHILD}


@dataclass
class _Draft:
    """A workflow on its way. `lists` are the steps that hand on a list."""

    draw: Any
    families: bool
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    lists: list[str] = field(default_factory=list)

    def chance(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def step(self, number: int) -> None:
        name, names = f"s{number}", list(self.steps)
        above = self.draw(st.lists(st.sampled_from(names), unique=True, max_size=2)) if names else []
        step: dict[str, Any] = {"after": above}
        kind = self.chance("run", "run", "run", "run", "many", "each", "approve", *(["child", "child"] * self.families))
        if kind == "approve":
            timed = {"prompt": "So?", "timeout": "5s", "on_timeout": "approve"}
            step["approve"] = self.chance({"prompt": "Go on?"}, timed)
        elif kind == "child":
            step["workflow"] = "child.yaml"
        else:
            self.command(name, step, kind)
        if self.chance(False, False, False, True):
            step["allow_failure"] = True
        if names and self.chance(False, False, False, True):
            step["if"] = self.chance("true", "false")
        self.steps[name] = {key: value for key, value in step.items() if value not in ([], None)}

    def command(self, name: str, step: dict[str, Any], kind: str) -> None:
        words = " ".join(["word"] * self.draw(st.integers(0, 3)) + ["nap"] * self.draw(st.integers(0, 1)))
        step["run"] = f"{words}; {self.chance('exit 0', 'exit 0', 'exit 0', 'exit 1')}"
        step["sandbox"] = self.chance("own", "own", "shared")
        step["retry"] = {"attempts": self.draw(st.integers(1, 2)), "delay": "1s"}
        if kind == "many":
            step["matrix"] = self.chance({"n": [1, 2]}, {"n": [1, 2, 3], "max_parallel": 1, "fail_fast": True})
        elif kind == "each":
            source = self.chance("items", *self.lists)
            items = [1, 2] if source == "items" else f"${{{{ steps.{source}.outputs.n }}}}"
            step["for_each"] = {"items": items, "max_parallel": 2}
            if source != "items":
                step["after"] = sorted({*step.get("after", []), source})
        else:
            self.single(name, step, words)

    def single(self, name: str, step: dict[str, Any], words: str) -> None:
        step["idempotent"] = self.chance(None, None, None, False)
        if self.chance(False, True):
            step["run"] = f"{words}; put n=[1,2]"
            step["outputs"] = {"n": {"type": "array", "items": {"type": "integer"}}}
            step["repeat"] = self.chance(None, None, {"until": "size(outputs.n) == 2", "max": 2})
            self.lists.append(name)


@st.composite
def workflows(draw: Any, *, families: bool) -> str:
    """The text of a workflow: JSON, which is YAML. With `families` steps may run another workflow."""
    draft = _Draft(draw, families)
    for number in range(draw(st.integers(1, 5))):
        draft.step(number)
    needs = {"needs": {"runtime": "shell"}, "prefer": ["e2b"]}
    document: dict[str, Any] = {
        "spec": 1,
        "name": "chaos",
        "sandboxes": {"own": {**needs, "scope": "step"}, "shared": needs},
        "steps": draft.steps,
    }
    if draft.chance(False, True):
        document["milestones"] = [{"id": "m", "title": "M", "week": 1, "needs": [draft.chance(*draft.steps)]}]
    for last in ("on_failure", "finally"):
        if draft.chance(False, False, True):
            document[last] = {"sandbox": "own", "run": "word"}
    return json.dumps(document)
