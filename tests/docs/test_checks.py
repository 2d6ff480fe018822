"""docs/checks.md has one section per rule, and each example gives exactly the findings printed below it.

`RUNNER_GOLDEN=write` writes the findings anew: read the difference before you commit it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from runner.compiler.codes import CODES
from runner.compiler.compile import check
from runner.compiler.handbook import sections
from runner.compiler.renderers.text import one_line
from runner.compiler.rules import RULES
from runner.compiler.surroundings import ALONE, Surroundings
from runner.project.shellcheck import check_shell

DOCUMENT = Path(__file__).parents[2] / "docs" / "checks.md"
SECTION = re.compile(r"^## (\S+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"```yaml\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
#: What some examples are checked with.
AROUND = {
    "shell-check": Surroundings(shell=check_shell),
    "workflow-errors": Surroundings(read=lambda _: b"spec: 1\nname: site\nsteps: {b: {run: make, aftr: [c]}}\n"),
}
SECTIONS = dict(SECTION.findall(DOCUMENT.read_text(encoding="utf-8")))


def test_every_rule_has_its_section_in_the_order_of_the_rules() -> None:
    assert [code for code in SECTIONS if code in RULES] == list(RULES)


def test_every_code_has_its_section_and_every_section_a_code() -> None:
    assert sorted(SECTIONS) == sorted(CODES)


def test_the_head_lists_the_chapters() -> None:
    head, _, rest = re.sub(r"```.*?```", "", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL).partition("\n# ")
    chapters = re.findall(r"^# (.*)", f"# {rest}", re.MULTILINE)
    listed = re.findall(r"^- \[(.*?)\]\(#(.*?)\)", head, re.MULTILINE)
    assert listed == [(one, one.lower().replace(" ", "-")) for one in chapters]


def test_a_section_ends_where_its_example_does() -> None:
    assert [code for code, one in sections().items() if one.text.count("```") % 2] == []


@pytest.mark.parametrize("code", [code for code, text in SECTIONS.items() if code in RULES or "```yaml" in text])
def test_the_example_gives_what_is_printed(code: str) -> None:
    match = EXAMPLE.search(SECTIONS[code])
    assert match is not None
    findings = check(match[1].encode(), "demo.yaml", AROUND.get(code, ALONE))
    found = "".join(one_line(finding) + "\n" for finding in findings)
    if os.environ.get("RUNNER_GOLDEN") == "write":
        written = DOCUMENT.read_text(encoding="utf-8")
        new = match[0].replace(f"```text\n{match[2]}```", f"```text\n{found}```")
        DOCUMENT.write_text(written.replace(match[0], new), encoding="utf-8")
    assert code in found
    assert match[2] == found
