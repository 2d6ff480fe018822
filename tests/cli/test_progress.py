"""What a run shows while it goes on."""

from __future__ import annotations

import sys

import pytest

from runner.cli.progress import Lines, LiveTable, Silent, make_progress, sentence
from runner.run.event import GENESIS, Event


def event(type_, step=None, attempt=None, **data):
    return Event("r", 1, "2026-01-01T00:00:00.000000Z", type_, step, attempt, data, GENESIS)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (event("step.started", "a", 1), "a"),
        (event("step.started", "a", 2), "a (attempt 2)"),
        (event("step.retrying", "a", 1, message="exit\ncode 1", delay=2.0), "a: exit code 1; again in 2 s"),
        (event("step.failed", "a", 1, message="no"), "a: no"),
        (event("step.skipped", "a", reason="b failed"), "a: b failed"),
        (event("milestone.missed", milestone="w1"), "milestone w1 missed"),
        (
            event("sandbox.fallback", sandbox="web", to="e2b", reason="offline", **{"from": "webcontainer"}),
            "sandbox web: webcontainer → e2b: offline",
        ),
        (event("box.created"), ""),
    ],
)
def test_events_in_words(said, words):
    assert sentence(said) == words


def test_lines_of_output_are_never_torn(capsys):
    lines = Lines()
    lines.start()
    lines.text("a", "stdout", "one\ntw")
    lines.text("b", "stdout", "other\n")
    lines.text("a", "stdout", "o\nrest")
    lines.event(event("step.succeeded", "a", 1))
    lines.stop()
    assert capsys.readouterr().out.splitlines() == ["  a │ one", "  b │ other", "  a │ two", "  a │ rest", "✓ a"]


def test_indentation_of_output_is_kept(capsys):
    Lines().text("a", "stdout", "Traceback\n  File\n\tcode  \n")
    assert capsys.readouterr().out == "  a │ Traceback\n  a │   File\n  a │     code\n"


def test_the_hint_of_a_failure_is_shown_below_it(capsys):
    Lines().event(event("step.failed", "a", 1, message="no key", hint="Set E2B_API_KEY."))
    assert capsys.readouterr().out.splitlines() == ["✗ a: no key", "  hint: Set E2B_API_KEY."]


def test_output_cannot_steer_the_terminal(capsys):
    Lines().text("a", "stdout", "\x1b[2Jgone\x07\n")
    assert "\x1b" not in capsys.readouterr().out


def test_a_reader_that_went_away_does_not_stop_the_run(monkeypatch):
    tried = []

    def broken(line, err):
        tried.append(line)
        raise BrokenPipeError

    replaced = []
    monkeypatch.setattr("typer.echo", broken)
    # Else the file in which pytest keeps what is printed would be replaced by nothing, for every test to come.
    monkeypatch.setattr("os.dup2", lambda _, stream: replaced.append(stream))
    Lines().event(event("step.started", "a", 1))
    assert len(tried) == 1
    assert replaced == [sys.stdout.fileno()]


def test_the_live_table_knows_each_step(capsys):
    table = LiveTable("title")
    table.event(event("step.started", "a", 1))
    table.start()
    table.text("a", "stdout", "first\nsecond\n\n")
    table.text("unknown", "stdout", "x\n")
    table.event(event("step.started", "b", 1))
    table.event(event("step.succeeded", "b", 1))
    table.event(event("step.ready", "c"))
    table.event(event("milestone.reached", milestone="w1"))
    table.event(event("box.created"))
    drawn = table._table()
    assert [cell.plain for cell in drawn.columns[1].cells] == ["a", "c", "b"]
    assert "second" in [cell.plain for cell in drawn.columns[2].cells]
    table.stop()
    assert "milestone w1 reached" in capsys.readouterr().out


def test_which_way_is_chosen():
    assert isinstance(make_progress("t", quiet=True, terminal=True), Silent)
    assert isinstance(make_progress("t", quiet=False, terminal=False), Lines)
    silent = Silent()
    silent.start()
    silent.event(event("run.created"))
    silent.text("a", "stdout", "x")
    silent.stop()
    LiveTable("t").stop()


def test_a_line_without_an_end_is_kept_short_and_shown_once(capsys):
    lines = Lines()
    for _ in range(100):
        lines.text("a", "stdout", "x" * 10_000)
    lines.text("a", "stdout", "\nnext\n")
    shown = capsys.readouterr().out.splitlines()
    assert shown == ["  a │ " + "x" * 499 + "…", "  a │ next"]
    assert sum(map(len, lines._rests.values())) == 0


def test_a_line_is_cut_after_its_control_characters_are_gone(capsys):
    Lines().text("a", "stdout", "\x1b[0m" * 100 + "end\n" + "y" * 3000 + "\n")
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("[0mend")
    assert second == "  a │ " + "y" * 499 + "…"


def below(type_, step=None, of="r2", **data):
    return Event(of, 1, "2026-01-01T00:00:00.000000Z", type_, step, 1, data, GENESIS)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (event("step.expanded", "a", legs=[1, 2]), "a: 2 items"),
        (event("step.expanded", "a", legs=[], note="the list is empty"), "a: the list is empty"),
        (
            event("step.repeated", "a", 1, reason="`outputs.ok` does not hold", delay=30),
            "a: `outputs.ok` does not hold; again in 30 s",
        ),
        (event("step.cached", "a", 1, run="r0", leg="a"), "a: the outputs are those of a of run r0"),
        (event("step.missed", "a", 1, reason="no earlier run"), ""),
        (event("step.delegated", "a", 1, run="r2", name="child"), "a: run r2 of child"),
        (
            event("step.waiting", "a", group="g", holders=["b", "c"]),
            "a: waits for a place in the concurrency group g, held by b, c",
        ),
        (event("run.waiting", group="g", holders=["b"]), "waits for a place in the concurrency group g, held by b"),
    ],
)
def test_what_legs_that_appear_during_a_run_say(said, words):
    assert sentence(said) == words


def test_steps_of_a_run_below_are_named_after_the_step_that_started_it(capsys):
    lines = Lines()
    lines.event(event("step.delegated", "go", 1, run="r2", name="child"))
    lines.event(below("step.started", "build"))
    lines.event(below("step.delegated", "build", run="r3", name="grandchild"))
    lines.text("go/build/deep", "stdout", "half a line")
    lines.event(below("step.succeeded", "deep", of="r3"))
    lines.event(below("milestone.reached", milestone="w1"))
    out = capsys.readouterr().out.splitlines()
    assert out == [
        "▸ go: run r2 of child", "▸ go/build", "▸ go/build: run r3 of grandchild", "  go/build/deep │ half a line",
        "✓ go/build/deep", "◆ milestone go/w1 reached",
    ]  # fmt: skip


def test_the_live_table_has_a_row_for_each_leg_of_a_run_below():
    table = LiveTable("title")
    table.event(event("step.delegated", "go", 1, run="r2", name="child"))
    table.event(below("step.started", "build"))
    table.event(below("step.missed", "build", reason="none"))
    assert list(table._rows) == ["go", "go/build"]
    assert table._rows["go/build"][0] == "started"


def test_names_with_line_breaks_and_escapes_stay_on_one_line(capsys):
    lines, table = Lines(), LiveTable("title")
    for view in (lines, table):
        view.event(event("step.started", "a[x=1\n2\x1b[2J]", 1))
        view.text("a[x=1\n2\x1b[2J]", "stdout", "hello\n")
        view.event(event("step.failed", "a[x=1\n2\x1b[2J]", 1, message="broken"))
    assert capsys.readouterr().out.splitlines() == [
        "▸ a[x=1 2 [2J]",
        "  a[x=1 2 [2J] │ hello",
        "✗ a[x=1 2 [2J]: broken",
    ]
    assert list(table._rows.values()) == [("failed", "broken")]
    assert [str(cell) for cell in table._table().columns[1].cells] == ["a[x=1 2 [2J]"]


def test_a_question_is_shown_with_the_command_that_answers_it(capsys):
    lines = make_progress("t", quiet=False, terminal=False)
    asked = {"question": "approve-1", "prompt": "Ship\nit?"}
    answered = {"decision": "approve", "by": "ada", "comment": "go"}
    told = [
        Event("r1", 1, "", "step.delegated", "go", 1, {"run": "r2", "name": "child"}, ""),
        Event("r2", 1, "", "approval.asked", "gate[n=1]", 1, asked, ""),
        Event("r2", 2, "", "approval.decided", "gate[n=1]", 1, answered, ""),
        Event("r2", 3, "", "approval.decided", "late", 1, {"decision": "fail", "by": None}, ""),
        Event("r1", 2, "", "request.taken", None, None, {"action": "pause", "by": "ada", "comment": ""}, ""),
        Event("r1", 3, "", "request.refused", None, None, {"action": "pause", "by": "ada", "reason": "no"}, ""),
    ]
    for event in told:
        lines.event(event)
    assert capsys.readouterr().out.splitlines()[1:] == [
        "? go/gate[n=1]: a person is asked: Ship it? (runner approve r1 'go/gate[n=1]')",
        "! go/gate[n=1]: approved by ada: go",
        "! go/late: failed for nobody answered in time",
        "! pause asked for by ada",
        "! pause asked for by ada; no: no",
    ]
