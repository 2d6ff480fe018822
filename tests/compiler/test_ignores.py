"""Findings that the author, or the project, has answered."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from runner.compiler.compile import check, compile_plan
from runner.compiler.diagnostic import Severity
from runner.compiler.fixes import mend
from runner.compiler.renderers.text import one_line
from runner.compiler.surroundings import Settings, ShellNote, Surroundings

HEAD = "spec: 1\nname: demo\n"
STEPS = "steps: {a: {run: echo}}\n"
UNUSED = HEAD + "inputs:\n  a: {type: string}%s\n" + STEPS
LEAK = HEAD + "steps:\n  a: {run: echo, env: {T: ghp_" + "a1B2" * 9 + "}}%s\n"


def codes(text: str, around: Surroundings | None = None) -> list[str]:
    return [found.code for found in check(text.encode(), "a.yaml", around or Surroundings())]


def off(*names: str, severity: Severity | None = None) -> Surroundings:
    return Surroundings(Settings(dict.fromkeys(names, severity)))


@pytest.mark.parametrize(
    "comment",
    [
        " # runner: ignore[input-unused] used from next week on",
        "   #runner:ignore[input-unused] why",
        " # runner: ignore [ input-unused ] why",
        " # runner: ignore[input-unused]: why",
        " # runner: ignore[input-unused] - why",
        " # a word before # runner: ignore[input-unused] why",
    ],
)
def test_a_comment_behind_the_line_ignores(comment: str) -> None:
    assert codes(UNUSED % "") == ["input-unused"]
    assert codes(UNUSED % comment) == []


@pytest.mark.parametrize("gap", ["", "\n", "  # another comment\n", "\n  # one\n\n  # two\n"])
def test_a_comment_on_the_line_above_ignores(gap: str) -> None:
    text = (UNUSED % "").replace("  a:", f"  # runner: ignore[input-unused] why\n{gap}  a:")
    assert codes(text) == []


def test_a_comment_for_the_file_ignores_everywhere() -> None:
    text = (UNUSED % "").replace("  a:", "  b: {type: string}\n  a:")
    assert codes(text) == ["input-unused"] * 2
    assert codes("# runner: ignore-file[input-unused] why\n" + text) == []


def test_several_codes_and_only_those() -> None:
    text = HEAD + "inputs: {a: {type: string}}\nsecrets: {b: {env: B}} %s\n" + STEPS
    assert codes(text % "") == ["input-unused", "secret-unused"]
    assert codes(text % "# runner: ignore[secret-unused] why") == ["input-unused"]
    both = (
        HEAD + "inputs: {a: {type: string}, b: {type: strin}} # runner: ignore[input-unused, secret-unused] x\n" + STEPS
    )
    assert "ignore-unused" in codes(both)


def test_a_comment_at_a_block_text_counts_for_its_lines() -> None:
    def shell(texts: Sequence[tuple[str, str]]) -> list[list[ShellNote]]:
        return [[] for _ in texts]

    text = HEAD + "steps:\n  a:\n    run: |%s\n      a=$X\n      echo 'a'\n"
    found = check((text % " # runner: ignore[shell-check] why").encode(), "a", Surroundings(shell=shell))
    assert "on the lines 5 to 7" in found[0].message


def test_a_judgement_may_be_ignored_and_the_plan_is_made() -> None:
    assert codes(LEAK % "") == ["credential-literal"]
    text = LEAK % " # runner: ignore[credential-literal] an example of the documentation"
    assert codes(text) == []
    assert compile_plan(text.encode(), "a.yaml").plan is not None


def test_an_error_without_which_no_plan_can_be_made_stays() -> None:
    text = HEAD + "steps: {a: {rnu: echo}} # runner: ignore[unknown-key] why\n"
    found = check(text.encode(), "a.yaml")
    assert [one.code for one in found] == ["unknown-key", "ignore-forbidden"]
    assert found[1].related[0].span == found[0].span
    assert (
        mend(text.encode(), "a.yaml", lambda data: check(data, "a.yaml")).data
        == (HEAD + "steps: {a: {run: echo}}\n").encode()
    )


@pytest.mark.parametrize(
    ("comment", "code"),
    [
        ("# runner: ignore[input-unused]", "ignore-reason"),
        ("# runner: ignore[input-unused]:  ", "ignore-reason"),
        ("# runner: ignore", "ignore-syntax"),
        ("# runner: ignore[] why", "ignore-syntax"),
        ("# runner: ignore[ , ] why", "ignore-syntax"),
        ("# runner: ignroe[input-unused] why", "ignore-syntax"),
        ("# runner: ignore-file[input-unused] why", "ignore-syntax"),
        ("# runner: ignore[input-unsued] why", "ignore-unknown"),
        ("# runner: ignore[cheese] why", "ignore-unknown"),
        ("# runner: ignore[ignore-unused] why", "ignore-unknown"),
        ("# runner: ignore[secret-unused] why", "ignore-unused"),
        ("# runner: ignore[input-unused, input-unused] why", "ignore-unused"),
        ("# runner: ignore[unreadable-file] why", "ignore-unused"),
    ],
)
def test_a_comment_that_is_wrong_is_a_finding(comment: str, code: str) -> None:
    assert code in codes(UNUSED % f" {comment}")


@pytest.mark.parametrize(
    "comment",
    [
        "# runner: the best",
        "# runner: steps[0] is first",
        "# the runner: ignores it",
        "# runner:",
        "# ignore[input-unused]",
    ],
)
def test_prose_is_no_directive(comment: str) -> None:
    assert codes(UNUSED % f" {comment}") == ["input-unused"]


def test_what_is_text_is_no_directive() -> None:
    text = (
        HEAD
        + 'steps:\n  a: {run: "# runner: ignore[x] y"}\n  b:\n    run: |\n      # runner: ignore[x] y\n      echo\n'
    )
    assert codes(text) == []


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("spec: 1 # runner: ignore[secret-unused] why\n", "spec: 1\n"),
        ("# runner: ignore[secret-unused] why\nspec: 1\n", "spec: 1\n"),
        ("# runner: ignore-file[secret-unused] why\r\nspec: 1\n", "spec: 1\n"),
        ("spec: 1\n  # runner: ignore[secret-unused] why", "spec: 1\n"),
        ("spec: 1 # runner: ignore[secret-unused, agent-unused, sandbox-unused] why\n", "spec: 1\n"),
    ],
)
def test_what_ignores_nothing_is_removed_by_its_fix(text: str, mended: str) -> None:
    data = mend(text.encode(), "a", lambda data: check(data, "a")).data
    assert data.decode().replace("\r\n", "\n") == mended


def test_one_of_several_codes_is_removed_by_its_fix() -> None:
    text = UNUSED % " # runner: ignore[secret-unused, input-unused] why"
    assert (
        mend(text.encode(), "a", lambda data: check(data, "a")).data
        == (UNUSED % " # runner: ignore[input-unused] why").encode()
    )


def test_nothing_is_said_of_comments_for_checks_that_did_not_run() -> None:
    assert codes(UNUSED % " # runner: ignore[input-unused, shell-check] why") == []
    assert codes(UNUSED % " # runner: ignore[input-unused] why", off("input-unused")) == []
    broken = UNUSED % " # runner: ignore[input-unused] why" + "x: [\n"
    assert "ignore-unused" not in codes(broken)
    assert "yaml-syntax" in codes(broken)


def test_settings_decide_over_severities() -> None:
    assert codes(UNUSED % "", off("input-unused")) == []
    found = check((UNUSED % "").encode(), "a", off("input-unused", severity=Severity.ERROR))
    assert [one.severity for one in found] == [Severity.ERROR]
    assert compile_plan((UNUSED % "").encode(), "a", None, off("input-unused", severity=Severity.ERROR)).plan is None
    assert codes(LEAK % "", off("credential-literal")) == []
    assert codes(UNUSED % " # runner: ignore[input-unused]", off("ignore-reason")) == []


def test_settings_cannot_switch_off_what_no_plan_can_be_made_with() -> None:
    text = HEAD + "steps: {a: {rnu: echo}, b: {run: echo, after: [b]}}\n"
    found = check(text.encode(), "a", off("unknown-key", "needs-self"))
    assert [one.severity for one in found] == [Severity.ERROR] * 2
    assert all("cannot be switched off" in one_line(one) for one in found)
    broken = check((HEAD + "steps: [").encode(), "a", off("yaml-syntax"))
    assert ["cannot be switched off" in one_line(one) for one in broken if one.code == "yaml-syntax"] == [True]
    assert check((HEAD + "steps: {a: {rnu: echo}}\n").encode(), "a", off("unknown-key", severity=Severity.ERROR))
