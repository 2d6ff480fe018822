"""`runner explain` says what a check means, from docs/checks.md."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from runner.cli.main import app
from runner.compiler.rules import RULES
from runner.errors import UsageError

call = CliRunner().invoke


def test_a_code_is_explained_with_its_example() -> None:
    out = call(app, ["explain", "needs-cycle"]).stdout
    assert out.startswith("needs-cycle\n\n")
    assert "```yaml" in out
    assert "a → c → b → a" in out


def test_the_brackets_of_a_finding_may_stay() -> None:
    assert call(app, ["explain", "[needs-cycle]"]).stdout.startswith("needs-cycle\n")


def test_without_a_code_every_check_has_a_line() -> None:
    lines = call(app, ["explain"]).stdout.splitlines()
    assert set(RULES) <= {line.split()[0] for line in lines}
    assert all(line.endswith((".", "!", "?")) for line in lines)


def test_json_has_the_code_the_summary_and_the_text() -> None:
    one = json.loads(call(app, ["explain", "needs-self", "--json"]).stdout)
    assert (one["code"], one["summary"]) == ("needs-self", "A step waits for itself.")
    assert "```yaml" in one["text"]
    every = json.loads(call(app, ["explain", "--json"]).stdout)
    assert {"code": "needs-self", "summary": "A step waits for itself."} in every


def test_an_unknown_code_says_which_one_was_meant() -> None:
    error = call(app, ["explain", "needs-cyle"]).exception
    assert isinstance(error, UsageError)
    assert error.hint == "did you mean `needs-cycle`?"
    error = call(app, ["explain", "x"]).exception
    assert isinstance(error, UsageError)
    assert error.hint == "all of them: runner explain"


def test_a_code_of_shellcheck_leads_to_the_check_that_asks_it() -> None:
    error = call(app, ["explain", "SC2086"]).exception
    assert isinstance(error, UsageError)
    assert error.hint == "that is a code of ShellCheck: runner explain shell-check"
