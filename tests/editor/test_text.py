"""Outline, folds, fixes and hints of a text; positions on the wire; and that nothing breaks on any text."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest
from lsprotocol import types

from runner.compiler.diagnostic import Diagnostic, Related, Severity, Span
from runner.compiler.fixes import applied
from runner.compiler.surroundings import Settings, Surroundings
from runner.editor import actions, outline
from runner.editor.analysis import Analysis
from runner.editor.completion import complete
from runner.editor.hints import hints
from runner.editor.hover import hover
from runner.editor.names import occurrences
from runner.editor.rename import Refused, definition, mentions, rename
from runner.editor.texts import Texts, specs_near
from runner.editor.wire import Positions, diagnostic, path_of, uri_of

ROOT = Path(__file__).parents[2]


def test_the_outline_has_the_sections_and_what_is_in_them(spec: str) -> None:
    found = {one.name: one for one in outline.symbols(Analysis(spec))}
    assert list(found)[:4] == ["spec", "name", "title", "inputs"]
    assert [child.name for child in found["steps"].children] == ["bundle", "test", "look", "last"]
    assert found["steps"].children[0].detail == "Bundle it"
    assert [child.name for child in found["milestones"].children] == ["done"]
    assert found["steps"].span.end_line == spec[: spec.index("milestones")].count("\n")


def test_each_document_has_its_outline() -> None:
    found = outline.symbols(Analysis("spec: 1\nname: a\n---\nspec: 1\n---\n- x\n"))
    assert [(one.name, [child.name for child in one.children]) for one in found] == [
        ("a", ["spec", "name"]),
        ("(without a name)", ["spec"]),
        ("(without a name)", []),
    ]


def test_an_alias_has_the_place_of_its_key() -> None:
    [_, steps] = outline.symbols(Analysis("x: &x {a: {run: x}}\nsteps: *x\n"))
    assert steps.span == steps.name_span
    assert outline.symbols(Analysis("- a\n")) == []
    [listed] = outline.symbols(Analysis("milestones: [x, {id: y}]\n"))
    assert [one.name for one in listed.children] == ["-", "y"]


def test_what_fills_several_lines_can_be_folded() -> None:
    text = "a:\n  b:\n    - c\n    - d: 1\n      e: 2\nf: |\n  x\n  y\ng: 1\n"
    assert outline.folds(Analysis(text)) == [(1, 5), (2, 5), (4, 5), (6, 8)]


def test_findings_can_be_fixed_or_ignored_with_a_reason(spec: str) -> None:
    text = spec.replace("title: Bundle it", "titel: Bundle it") + "risks: []\n"
    found = actions.actions(Analysis(text), 21, 21)
    assert [(one.title, one.preferred) for one in found] == [("rename it to `title`", True)]
    assert actions.actions(Analysis(text), 1, 5) == []
    assert actions.fix_all(Analysis(text)).count("title: Bundle it") == 1
    unused = spec.replace("agents:\n", "agents:\n  bob: {human: true}\n")
    analysis = Analysis(unused)
    [ignore] = actions.actions(analysis, 12, 12)
    assert ignore.title == "ignore `agent-unused` here, with a reason"
    after = applied(analysis.data, [ignore.edit]).decode()
    assert "agents:\n  # runner: ignore[agent-unused] say here why\n  bob:" in after
    assert Analysis(after).findings == []


def test_a_finding_inside_a_block_text_is_ignored_above_it(spec: str) -> None:
    analysis = Analysis(spec)
    inside = Diagnostic("shell-check", Severity.WARNING, "x", Span("spec.yaml", 27, 7, 27, 9))
    edit = actions._ignore(analysis, inside)
    assert analysis.lines[edit.span.line - 1] == "    run: |"
    assert edit.replacement.startswith("    # runner: ignore[shell-check]")


def test_hints_name_the_provider_and_the_price(spec: str) -> None:
    found = {(one.line, one.text) for one in hints(Analysis(spec), 1, 99)}
    assert any(line == 24 and text.startswith(" → e2b, $") for line, text in found)
    assert any(line == 20 and "about " in text for line, text in found)
    steps = [
        number for number, line in enumerate(spec.splitlines(), 1) if line[2:6] in ("bund", "test", "look", "last")
    ]
    assert {line for line, _ in found} == {24, *steps}
    assert hints(Analysis(spec), 1, 10) == []
    assert hints(Analysis(spec + "x: ["), 1, 99) == []


def test_the_last_sound_text_counts_while_this_one_is_broken(spec: str) -> None:
    first = Analysis(spec)
    broken = first.then(spec + "x: [")
    worse = broken.then(spec + "x: {")
    assert worse.earlier == tuple(first.parts)
    assert worse.known(1).workflow.steps.keys() == first.known(1).workflow.steps.keys()
    assert Analysis("[").known(1).root.entries == {}


@pytest.mark.parametrize("text", ["", "# new\n", "sp", "spec: 1\n", "\ufeffspec : 1\n", "name: x\nsteps:\n", "spec\n"])
def test_what_may_become_a_spec_is_one(text: str) -> None:
    assert Analysis(text).is_spec


@pytest.mark.parametrize("text", ["services:\n  spec: 1\n", "- a\n- b\n", "on: push\njobs: {}\n", "# c\n'a b': 1\n"])
def test_other_files_are_left_alone(text: str) -> None:
    assert not Analysis(text).is_spec


POSITIONS = [
    (types.PositionEncodingKind.Utf16, 3),
    (types.PositionEncodingKind.Utf8, 6),
    (types.PositionEncodingKind.Utf32, 2),
]


@pytest.mark.parametrize(("encoding", "character"), POSITIONS)
def test_columns_are_counted_in_the_units_of_the_client(encoding: types.PositionEncodingKind, character: int) -> None:
    at = Positions(["abc", "😀öx"], encoding)
    assert at.position(2, 3) == types.Position(1, character)
    assert at.place(types.Position(1, character)) == (2, 3)
    assert at.position(1, 3) == types.Position(0, 2)
    assert at.place(types.Position(0, 99)) == (1, 4)
    assert at.place(types.Position(9, 9)) == (2, 4)
    assert at.position(9, 1) == types.Position(8, 0)


def test_a_position_inside_a_sign_is_its_beginning() -> None:
    assert Positions(["😀x"], types.PositionEncodingKind.Utf16).place(types.Position(0, 1)) == (1, 1)


def test_other_files_keep_their_places() -> None:
    other = Related("there", Span("/b.yaml", 3, 2, 3, 5))
    found = Diagnostic("x-unused", Severity.INFO, "m", Span("/a.yaml", 1, 2, 1, 3), "h", (other,))
    shown = diagnostic(found, Positions(["😀x"], types.PositionEncodingKind.Utf16))
    assert shown.message == "m\nh"
    assert shown.range.start.character == 2
    [related] = shown.related_information or ()
    assert (related.location.uri, related.location.range.start) == ("file:///b.yaml", types.Position(2, 1))


def test_paths_and_addresses() -> None:
    assert path_of("file:///a%20b/%C3%B6.yaml") == "/a b/ö.yaml"
    assert path_of("untitled:Untitled-1") == "untitled:Untitled-1"
    assert uri_of("/a b/ö.yaml") == "file:///a%20b/%C3%B6.yaml"
    assert uri_of("vscode://x") == "vscode://x"


def test_open_texts_know_their_settings_and_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    child, parent = str(tmp_path / "b.yaml"), str(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_text("spec: 1\nname: b\nsteps: {x: {run: y}}\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.yml").write_text("")
    (tmp_path / ".git").mkdir()
    texts = Texts()
    found = texts.put(parent, "spec: 1\nname: a\nsteps: {x: {workflow: ./b.yaml}}\nagents: {y: {human: true}}\n")
    assert [one.code for one in found.findings] == ["agent-unused"]
    assert texts.put(parent, found.text) is found
    texts.put(child, "spec: 1\nname: b\nsteps: {x: {rnu: y}}\n")
    assert texts.others(child) == [parent]
    again = texts.at(parent)
    assert again is not None
    assert "workflow-errors" in [one.code for one in again.findings]
    (tmp_path / "runner.toml").write_text('[checks]\nagent-unused = "off"\nworkflow-errors = "off"\n')
    texts.drop(child)
    texts.forget_settings()
    again = texts.at(parent)
    assert again is not None
    assert again.findings == []
    assert texts.at(child).text == (tmp_path / "b.yaml").read_text()
    assert texts.put("untitled:1", "spec: 1\n").around == Surroundings(Settings())
    assert specs_near(parent) == ["./b.yaml", "./sub/c.yml"]


WORDS = [
    "{",
    "}",
    "[",
    "]",
    ": ",
    "- ",
    "'",
    '"',
    "|\n",
    "#",
    "\n",
    "  ",
    "${{ ",
    " }}",
    "&a ",
    "*a",
    "steps.",
    "\r",
    "😀",
]


@pytest.mark.parametrize("seed", range(6))
def test_no_text_breaks_anything(seed: int, spec: str) -> None:
    random_ = random.Random(seed)
    paths = [*(ROOT / "specs").glob("*.yaml"), *(ROOT / "tests" / "golden" / "ok").glob("*.yaml")]
    texts = [spec, *(path.read_text(encoding="utf-8") for path in sorted(paths))]
    analysis = Analysis(spec)
    for _ in range(25):
        text = random_.choice(texts)
        for _ in range(random_.randint(1, 4)):
            at = random_.randint(0, len(text))
            text = text[:at] + random_.choice(WORDS) + text[at + random_.choice((0, 0, 3)) :]
        analysis = analysis.then(text)
        outline.symbols(analysis)
        outline.folds(analysis)
        hints(analysis, 1, 9999)
        for part in analysis.parts:
            occurrences(part)
        for _ in range(8):
            line = random_.randint(1, len(analysis.lines) + 1)
            column = random_.randint(1, 60)
            for item in complete(analysis, line, column, list):
                assert item.label
            hover(analysis, line, column)
            definition(analysis, line, column)
            mentions(analysis, line, column)
        actions.actions(analysis, 1, 9999)
        with suppress(Refused):
            rename(analysis, random_.randint(1, len(analysis.lines)), random_.randint(1, 30), "brandnew")
