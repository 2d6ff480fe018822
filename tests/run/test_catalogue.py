from __future__ import annotations

import pytest

from runner.compiler.canonical import Json
from runner.run.catalogue import SENTENCE, WORD, WORDS, at_least, entry, sentence, severity, tokens, words
from runner.run.event import EVENT_TYPES, GENESIS, Event


def event(type_: str, step: str | None = None, **data: Json) -> Event:
    return Event("r", 3, "2026-01-31T12:00:00.000000Z", type_, step, 1, data, GENESIS, "0" * 64)


@pytest.mark.parametrize(
    ("type_", "expected"),
    [("step.failed", "error"), ("run.failed", "error"), ("step.retrying", "warning"), ("sandbox.fallback", "warning"),
     ("step.succeeded", "info"), ("something.new", "info")],
)  # fmt: skip
def test_severity_follows_from_the_type(type_: str, expected: str) -> None:
    assert severity(event(type_)) == expected


def test_what_went_wrong_is_never_mere_information() -> None:
    wrong = {name for name in EVENT_TYPES if name.endswith((".failed", ".missed", ".cancelled", ".left", ".fallback"))}
    assert {name for name in wrong if severity(event(name)) == "info"} == {"step.missed"}  # no hit in the cache


def test_a_severity_and_what_is_worse() -> None:
    assert at_least("info") == ("info", "warning", "error")
    assert at_least("error") == ("error",)


def test_words_are_letters_and_digits_in_lower_case() -> None:
    assert tokens("Exit-code: 127 (npm_ci ÄRGER)\n日本") == ["exit", "code", "127", "npm", "ci", "ärger", "日本"]
    assert tokens("x" * 1000) == ["x" * WORD]
    assert tokens(" -- ") == []


def test_all_names_and_values_are_words_whatever_their_order() -> None:
    one = event("step.failed", "build[os=linux]", message="no file", class_="step", n=[1, {"deep": None}], ok=True)
    other = event("step.failed", "build[os=linux]", ok=True, n=[1, {"deep": None}], class_="step", message="no file")
    found = words(one)
    assert found == words(other)
    assert found[:5] == ["step", "failed", "build", "os", "linux"]
    assert {"message", "no", "file", "class", "n", "1", "deep", "true"} <= set(found)
    assert "none" not in found


def test_an_endless_output_does_not_swamp_the_index() -> None:
    assert len(words(event("step.succeeded", outputs={str(number): "a b c" for number in range(5000)}))) == WORDS


def test_a_sentence_says_what_happened_to_whom_and_why() -> None:
    said = sentence(event("step.failed", "build", message="command exited with 2", n=7, provider=None))
    assert said == f"build: {EVENT_TYPES['step.failed']}. command exited with 2"
    assert sentence(event("something.new")) == "run: something.new"
    assert len(sentence(event("step.failed", message="x" * 9000))) == SENTENCE


def test_the_entry_of_an_event() -> None:
    filed = entry(event("step.failed", "test[shard=1]", owner="reviewer", to="e2b", provider=7))
    assert (filed.run, filed.seq, filed.ts) == ("r", 3, "2026-01-31T12:00:00.000000Z")
    assert (filed.step, filed.leg) == ("test", "test[shard=1]")
    assert (filed.agent, filed.provider, filed.severity) == ("reviewer", "e2b", "error")
    assert filed.words.split()[:3] == ["step", "failed", "test"]
    bare = entry(event("run.started"))
    assert (bare.step, bare.leg, bare.agent, bare.provider) == ("", "", "", "")
