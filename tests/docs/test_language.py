"""docs/language.md has a heading for each key of a workflow and of a step, and each example is without findings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from runner.compiler.compile import check
from runner.compiler.renderers.text import one_line

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
SCHEMA = json.loads((ROOT / "schemas" / "workflow.v1.schema.json").read_text(encoding="utf-8"))
PARTS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
SECTIONS = {
    f"{part}: {key}": body
    for part, text in PARTS.items()
    for key, body in re.findall(r"^### (\S+)\n(.*?)(?=^### |\Z)", text, re.MULTILINE | re.DOTALL)
}


def completed(example: str) -> str:
    """An example as a whole spec: with the version, a name and a step where it leaves them out."""
    head = "" if example.startswith("spec:") else "spec: 1\nname: demo\n"
    return head + example + ("" if re.search(r"^steps:", example, re.MULTILINE) else "steps: {work: {run: make}}\n")


@pytest.mark.parametrize(
    ("part", "known"),
    [("The workflow", SCHEMA["properties"]), ("A step", SCHEMA["$defs"]["step"]["properties"])],
)
def test_every_key_has_its_heading_in_the_order_of_the_schema(part: str, known: dict[str, object]) -> None:
    assert [name.partition(": ")[2] for name in SECTIONS if name.startswith(part)] == list(known)


@pytest.mark.parametrize("name", SECTIONS)
def test_the_example_of_a_key_has_it_and_no_findings(name: str) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", SECTIONS[name], re.DOTALL)
    assert re.search(rf"(?<![\w.]){name.partition(': ')[2]}:", example)
    assert [one_line(found) for found in check(completed(example).encode(), "demo.yaml")] == []
