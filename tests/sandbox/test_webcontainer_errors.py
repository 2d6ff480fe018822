"""What the page says of failures, and what it becomes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from runner.errors import (
    BoxError,
    BoxFileError,
    BoxGone,
    CredentialRefused,
    FileExists,
    FileMissing,
    IsADirectory,
    NotADirectory,
    ProviderOffline,
    RequestRefused,
)
from runner.sandbox import webcontainer_errors as errors
from runner.sandbox import webcontainer_node as node


def page_says(code: str, message: str, **more: str) -> dict[str, str]:
    text = "Page.evaluate: HostError " + json.dumps({"name": "HostError", "code": code, "message": message, **more})
    found = errors.said(f"{text}\n    at page.js:1:2")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("not-isolated", ProviderOffline),
        ("boot-timeout", ProviderOffline),
        ("engine-unreachable", ProviderOffline),
        ("engine-refused", CredentialRefused),
        ("gone", BoxGone),
        ("spawn", RequestRefused),
        ("a code of tomorrow", RequestRefused),
    ],
)
def test_each_code_of_the_page_is_an_error_of_ours_with_what_to_do(code, kind):
    error = errors.meaning(page_says(code, "why"), "the command cannot be started")
    assert type(error) is kind
    assert error.message == "the command cannot be started: why"
    assert bool(error.hint) is (code in errors.HINTS)


def test_every_code_of_the_page_is_known(root: Path) -> None:
    lines = (root / "web" / "host" / "src" / "failure.ts").read_text().splitlines()
    source = "\n".join(line for line in lines if not line.strip().startswith(("/", "*")))
    union = re.search(r"export type HostCode =(.*?);", source, re.DOTALL)
    assert union is not None
    assert set(re.findall(r'"([a-z-]+)"', union[1])) == {*errors.CODES, "fs"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ENOENT", FileMissing),
        ("EISDIR", IsADirectory),
        ("ENOTDIR", NotADirectory),
        ("EEXIST", FileExists),
        ("EWHATEVER", BoxFileError),
    ],
)
def test_errors_of_files_are_told_by_the_systems_word(name, kind):
    assert type(errors.meaning(page_says("fs", f"{name}: …", errno=name), "x")) is kind
    assert type(errors.meaning(page_says("mount", f"{name}: …", errno=name), "x")) is kind
    assert type(errors.of_file(name, "a/b")) is kind
    assert "'a/b'" in errors.of_file(name, "a/b").message


def test_other_texts_are_none_of_the_pages():
    for text in ("Target crashed", "HostError", "HostError {broken", "HostError [1]"):
        assert errors.said(text) is None


def test_secrets_and_long_texts_do_not_pass():
    error = errors.meaning(
        page_says("internal", "the key k-secret\n was refused " + "x" * 1000), "boot", ["k-secret", ""]
    )
    assert "k-secret" not in error.message
    assert "the key *** was refused" in error.message
    assert len(error.message) < 450


# ---------------------------------------------------------------- the helper program


def test_the_helpers_answer_is_its_last_line():
    assert node.answered('warning: old\n\n\x02{"value": [1]}\n', "p") == [1]


@pytest.mark.parametrize("stdout", ["", "no mark", "\x02{broken", "\x02{}"])
def test_a_helper_that_says_nothing_is_an_error_that_names_the_path(stdout):
    with pytest.raises(BoxFileError, match="'the/path'"):
        node.answered(stdout, "the/path")


def test_the_helpers_errors_are_those_of_files():
    told = json.dumps({"error": {"code": "ENOENT", "message": "ENOENT: …", "path": "/home/user/x"}})
    with pytest.raises(BoxError) as caught:
        node.answered(f"\x02{told}\n", "x")
    assert type(caught.value) is FileMissing
    assert caught.value.message == "'/home/user/x' does not exist"


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("net::ERR_NAME_NOT_RESOLVED", "DNS"),
        ("net::ERR_BLOCKED_BY_RESPONSE.NotSameOriginAfterDefaultedToSameOriginByCoep", "CORP"),
        ("net::ERR_SOMETHING_NEW", "it could not be fetched (ERR_SOMETHING_NEW)"),
        (None, "no reason"),
    ],
)
def test_why_a_document_did_not_come_is_said_in_words(failure, words):
    assert words in errors.unreached(failure)
