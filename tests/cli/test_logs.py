from __future__ import annotations

import json
from typing import Any

import pytest

from runner.errors import UsageError

RUN = "20260131-130000-bbbbbb"


@pytest.fixture
def logged(recorded: Any) -> Any:
    recorded.log(RUN, "build", 1, ("stdout", "building\n"), ("stderr", "warning\n"), ("stdout", "no newline"))
    recorded.log(RUN, "test[n=1]", 1, ("stdout", "first try\n"))
    recorded.log(RUN, "test[n=1]", 3, ("stdout", "third try ünï \ud800\n"))
    return recorded


def test_the_output_of_one_step_in_order(logged: Any) -> None:
    result = logged.runner("logs", RUN, "build")
    assert (result.exit_code, result.stdout) == (0, "building\nwarning\nno newline\n")


@pytest.mark.parametrize(("stream", "text"), [("stdout", "building\nno newline\n"), ("stderr", "warning\n")])
def test_one_stream(logged: Any, stream: str, text: str) -> None:
    assert logged.runner("logs", RUN, "build", "--stream", stream).stdout == text


def test_the_last_attempt_unless_another_is_named(logged: Any) -> None:
    assert logged.runner("logs", RUN, "test[n=1]").stdout == "third try ünï ?\n"
    assert logged.runner("logs", RUN, "test[n=1]", "--attempt", "1").stdout == "first try\n"


def test_a_step_id_means_all_its_legs(logged: Any) -> None:
    assert logged.runner("logs", RUN, "test").stdout == "third try ünï ?\n"
    logged.log(RUN, "test[n=2]", 1, ("stdout", "two\n"))
    assert logged.runner("logs", RUN, "test").stdout == (
        "── test[n=1] (attempt 3)\nthird try ünï ?\n── test[n=2] (attempt 1)\ntwo\n"
    )


def test_all_steps_in_the_order_they_started(logged: Any) -> None:
    text = logged.runner("logs", RUN).stdout
    assert text.index("── build (attempt 1)") < text.index("── test[n=1] (attempt 3)")


def test_a_run_without_output_prints_nothing(recorded: Any) -> None:
    result = recorded.runner("logs", RUN)
    assert (result.exit_code, result.stdout) == (0, "")


def test_lines_as_json(logged: Any) -> None:
    lines = json.loads(logged.runner("logs", RUN, "--json", "--stream", "stderr").stdout)
    assert [(line["step"], line["attempt"], line["stream"], line["text"]) for line in lines] == [
        ("build", 1, "stderr", "warning\n")
    ]
    assert lines[0]["ts"].endswith("Z")


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        ([RUN, "biuld"], "has no step 'biuld'", "Did you mean build?"),
        ([RUN, "build", "--attempt", "7"], "no output of attempt 7", "Attempts with output: 1."),
        ([RUN, "test[n=2]"], "(skipped) has no output", f"See `runner status {RUN} --state "),
        ([RUN, "--stream", "stdin"], "no stream 'stdin'", "Streams are stdout and stderr."),
        (["nope"], "no run 'nope'", "List the runs with `runner status --state "),
    ],
)
def test_what_is_not_there(logged: Any, arguments: list[str], message: str, hint: str) -> None:
    error = logged.runner("logs", *arguments).exception
    assert isinstance(error, UsageError)
    assert message in error.message
    assert error.hint.startswith(hint)


def test_the_output_of_a_step_that_ran_a_workflow_is_in_the_run_below(empty: Any) -> None:
    leg = {"step": "go", "leg": "go", "state": "failed", "child": "20260131-120001-bbbbbb"}
    empty.put("r", {"state": "failed", "name": "top"}, [leg])
    error = empty.runner("logs", "r", "go").exception
    assert isinstance(error, UsageError)
    assert error.message == "step 'go' of run r is the run 20260131-120001-bbbbbb"
    assert "runner logs 20260131-120001-bbbbbb" in error.hint


def test_a_fan_out_is_asked_for_by_its_step(empty: Any) -> None:
    legs = [{"step": "each", "leg": key, "state": "succeeded"} for key in ("each", "each[0]", "each[1]")]
    empty.put("r", {"state": "succeeded", "name": "top"}, legs)
    for number in (0, 1):
        empty.log("r", f"each[{number}]", 1, ("stdout", f"{number}\n"))
    assert empty.runner("logs", "r", "each").stdout == "── each[0] (attempt 1)\n0\n── each[1] (attempt 1)\n1\n"
    assert empty.runner("logs", "r", "each[1]").stdout == "1\n"
