"""Every code that can appear anywhere is in one list, and so has its section in docs/checks.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from runner.compiler.codes import CODES, IGNORES, JUDGEMENTS, PROJECT, READING, SHAPE, Stage, may_be_lowered, stage
from runner.compiler.compile import check, compile_plan
from runner.compiler.diagnostic import Span, error, warning
from runner.compiler.handbook import sections
from runner.compiler.rules import RULES
from runner.compiler.surroundings import Settings, Surroundings

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
MAKERS = frozenset({"error", "warning", "Diagnostic", "_error", "_warning", "_refused", "_one", "unknown"})
SOURCES = sorted([*(ROOT / "runner" / "compiler").rglob("*.py"), *(ROOT / "runner" / "project").rglob("*.py")])


def named(path: Path) -> set[str]:
    """The codes that a file gives to what makes a finding."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    texts = [
        argument.value
        for call in calls
        if (call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")) in MAKERS
        for argument in call.args[:2]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
    return {text for text in texts if CODE.fullmatch(text)}


def test_no_code_is_listed_twice() -> None:
    assert len(CODES) == len(set(CODES)) == len(RULES) + len(READING) + len(SHAPE) + len(IGNORES) + len(PROJECT)
    assert all(CODE.fullmatch(code) for code in CODES)
    assert set(CODES) >= JUDGEMENTS


def test_every_code_of_the_sources_is_listed() -> None:
    found = {path.name: sorted(named(path) - set(CODES)) for path in SOURCES}
    assert {name: codes for name, codes in found.items() if codes} == {}


def test_a_code_that_is_not_listed_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('x = error("no-such-code", "a message", span)\nself._error("other-code", message)')
    assert named(tmp_path / "a.py") == {"no-such-code", "other-code"}


def test_every_code_of_the_golden_files_is_listed() -> None:
    lines = [line for path in (ROOT / "tests/golden/err").glob("*.out") for line in path.read_text().splitlines()]
    assert {line.split()[2].rstrip(":") for line in lines} <= set(CODES)


@pytest.mark.parametrize(
    ("code", "expected"),
    [("yaml-syntax", Stage.READING), ("unknown-key", Stage.SHAPE), ("needs-cycle", Stage.RULES), ("x", Stage.RULES)],
)
def test_stages(code: str, expected: Stage) -> None:
    assert stage(code) is expected


def test_only_errors_that_are_no_judgement_are_firm() -> None:
    place = Span("a", 1, 1, 1, 1)
    assert may_be_lowered(warning("needs-cycle", "", place))
    assert may_be_lowered(error("credential-literal", "", place))
    assert not may_be_lowered(error("needs-cycle", "", place))


@pytest.mark.parametrize("code", sorted(JUDGEMENTS - {"shell-check"}))
def test_without_a_judgement_there_is_a_plan(code: str) -> None:
    example = re.search(r"```yaml\n(.*?)```", sections()[code].text, re.DOTALL)
    assert example is not None
    data = example[1].encode()
    assert code in {found.code for found in check(data, "a.yaml")}
    done = compile_plan(data, "a.yaml", None, Surroundings(Settings({code: None})))
    assert done.plan is not None
    assert code not in {found.code for found in done.diagnostics}
