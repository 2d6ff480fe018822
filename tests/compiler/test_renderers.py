from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from runner.compiler.compile import check
from runner.compiler.diagnostic import Diagnostic, Fix, Related, Severity, Span
from runner.compiler.renderers import RENDERERS, Report

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "schemas" / "diagnostics.v1.schema.json").read_text(encoding="utf-8"))
PATH = "specs/a.yaml"


def span(line: int, column: int, end_column: int, end_line: int | None = None) -> Span:
    return Span(PATH, line, column, end_line or line, end_column)


def finding(place: Span, hint: str = "", related: tuple[Related, ...] = (), message: str = "wrong") -> Diagnostic:
    return Diagnostic("some-code", Severity.ERROR, message, place, hint, related)


def text_of(text: str, *found: Diagnostic, colour: bool = False) -> str:
    return RENDERERS["text"](Report(found, {PATH: text}), colour=colour)


def test_a_finding_shows_its_line_with_a_caret_and_what_to_do() -> None:
    related = (Related("the first one is here", span(1, 1, 2)),)
    out = text_of("a: 1\nb: two\n", finding(span(2, 4, 7), "write `2`", related))
    assert out == (
        "specs/a.yaml:2:4: error[some-code]: wrong\n"
        "  |\n"
        "2 | b: two\n"
        "  |    ^^^\n"
        "  = hint: write `2`\n"
        "  = specs/a.yaml:1:1: the first one is here\n"
        "\n"
        "1 file checked: 1 error\n"
    )


def carets(text: str, place: Span) -> tuple[str, str]:
    lines = text_of(text, finding(place)).split("\n")
    return lines[2].split(" | ", 1)[1], lines[3].split(" | ", 1)[1]


def test_an_empty_place_still_gets_one_caret() -> None:
    assert carets("a:\n", span(1, 3, 3)) == ("a:", "  ^")


def test_a_place_of_several_lines_is_marked_to_the_end_of_the_first() -> None:
    assert carets("a: {b: 1,\n  c: 2}\n", span(1, 4, 8, 2)) == ("a: {b: 1,", "   ^^^^^^")


def test_the_caret_stands_below_wide_combining_and_tab_characters() -> None:
    assert carets("規模: x\n", span(1, 5, 6)) == ("規模: x", "      ^")
    assert carets("e\u0301: x\n", span(1, 5, 6)) == ("e\u0301: x", "   ^")
    assert carets("a:\tx\n", span(1, 4, 5)) == ("a:\tx", "  \t^")


def test_a_long_line_is_cut_around_the_caret() -> None:
    line, marks = carets("a" * 500 + "X" + "b" * 500, span(1, 501, 502))
    assert len(line) == 120
    assert line[marks.index("^")] == "X"
    assert line.startswith("…")
    assert line.endswith("…")


def test_a_place_behind_the_text_has_no_excerpt() -> None:
    assert text_of("", finding(span(9, 1, 1))).count("\n") == 3


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    out = text_of("a: \x1b[2Jb\x07\n", finding(span(1, 4, 5), "do \x1b[2J", message="bad \x1b[2J"))
    assert "\x1b" not in out
    assert "\x07" not in out


def test_colour_is_an_argument() -> None:
    found = finding(span(1, 1, 2))
    assert "\x1b[31m" in text_of("a: 1\n", found, colour=True)
    assert "\x1b" not in text_of("a: 1\n", found)


def test_on_a_terminal_the_place_and_the_code_are_links() -> None:
    found = finding(span(1, 1, 2), related=(Related("here", Span("<stdin>", 1, 1, 1, 2)),))
    report = Report((found,), {PATH: "a: 1\n"}, home="file:///w%20x/")
    out = RENDERERS["text"](report, colour=True)
    assert "\x1b]8;;file:///w%20x/specs/a.yaml\x1b\\specs/a.yaml:1:1\x1b]8;;\x1b\\" in out
    assert re.search(r"\x1b\]8;;file:///\S+/checks\.md#some-code\x1b\\some-code", out)
    assert "= <stdin>:1:1: here" in out
    assert "\x1b" not in RENDERERS["text"](report)


@pytest.mark.parametrize(
    ("severities", "files", "line"),
    [
        ([], 1, "1 file checked: no problems"),
        ([Severity.ERROR, Severity.ERROR, Severity.WARNING], 2, "2 files checked: 2 errors, 1 warning"),
        ([Severity.INFO], 1, "1 file checked: no problems"),
    ],
)
def test_the_summary_counts(severities: list[Severity], files: int, line: str) -> None:
    found = tuple(Diagnostic("c", severity, "m", span(1, 1, 1)) for severity in severities)
    assert RENDERERS["text"](Report(found, {}, files)).endswith(line + "\n")


def test_json_has_every_field_and_holds_its_schema() -> None:
    fix = Fix("write it", span(1, 1, 2), "b", safe=False)
    related = (Related("here", span(2, 1, 2)),)
    found = Diagnostic("some-code", Severity.WARNING, "wrong", span(1, 1, 2), "do", related, fix)
    (entry,) = json.loads(RENDERERS["json"](Report((found,))))
    jsonschema.Draft202012Validator(SCHEMA).validate([entry])
    place = {"path": PATH, "line": 1, "column": 1, "end_line": 1, "end_column": 2}
    assert entry == {
        "code": "some-code",
        "severity": "warning",
        "message": "wrong",
        "hint": "do",
        **place,
        "related": [{"message": "here", **place, "line": 2, "end_line": 2}],
        "fix": {"message": "write it", "replacement": "b", "safe": False, **place},
    }


def test_json_of_nothing_is_an_empty_array() -> None:
    assert json.loads(RENDERERS["json"](Report(()))) == []


def test_every_golden_case_holds_the_schema_and_can_be_shown() -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for path in sorted((ROOT / "tests" / "golden" / "err").glob("*.yaml")):
        data = path.read_bytes()
        report = Report(tuple(check(data, path.name)), {path.name: data.decode()})
        validator.validate(json.loads(RENDERERS["json"](report)))
        assert "^" in RENDERERS["text"](report)


def test_a_line_is_cut_only_where_it_is_too_long() -> None:
    line, marks = carets("X" + "b" * 500, span(1, 1, 2))
    assert (line[0], marks) == ("X", "^")
    line, marks = carets("a" * 500 + "X", span(1, 501, 502))
    assert line.endswith("X")
    assert len(marks) == len(line)
