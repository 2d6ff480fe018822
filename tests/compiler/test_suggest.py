from __future__ import annotations

from itertools import product

import pytest

from runner.compiler.suggest import certain, did_you_mean, distance, listed, nearest

KEYS = ["after", "timeout", "description", "run", "retry", "for_each", "id", "if"]


@pytest.mark.parametrize(
    ("left", "right", "edits"),
    [("run", "run", 0), ("rnu", "run", 1), ("rum", "run", 1), ("ru", "run", 1), ("runn", "run", 1), ("", "run", 3)],
)
def test_distance_counts_swapped_neighbours_once(left: str, right: str, edits: int) -> None:
    assert distance(left, right, 5) == edits
    assert distance(right, left, 5) == edits


def test_distance_stops_at_its_limit() -> None:
    assert distance("timeout", "description", 2) == 3
    assert distance("abcdef", "uvwxyz", 2) == 3


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("timout", "timeout"),
        ("Retry", "retry"),
        ("for-each", "for_each"),
        ("desc", "description"),
        ("retry_policy", "retry"),
        ("descripton", "description"),
        ("zebra", None),
        ("x", None),
        ("", None),
        ("a" * 10_000, None),
    ],
)
def test_the_nearest_word_is_found_or_none(word: str, meant: str | None) -> None:
    assert nearest(word, KEYS) == ([] if meant is None else [meant])
    assert did_you_mean(word, KEYS) == ("" if meant is None else f"did you mean `{meant}`?")


def test_words_are_listed_as_a_phrase() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "`a`"
    assert listed(["a", "b"]) == "`a` or `b`"
    assert listed(["a", "b", "c"], "and") == "`a`, `b` and `c`"


def slow_distance(left: str, right: str) -> int:
    """The same by its definition, without any short cut."""
    if not left or not right:
        return len(left) + len(right)
    best = min(
        slow_distance(left[:-1], right) + 1,
        slow_distance(left, right[:-1]) + 1,
        slow_distance(left[:-1], right[:-1]) + (left[-1] != right[-1]),
    )
    if len(left) > 1 and len(right) > 1 and left[-1] == right[-2] and left[-2] == right[-1]:
        best = min(best, slow_distance(left[:-2], right[:-2]) + 1)
    return best


def test_the_short_cuts_change_nothing() -> None:
    words = ["".join(word) for size in range(4) for word in product("ab", repeat=size)] + ["abcd", "acbd", "bacd"]
    for left, right in product(words, words):
        assert distance(left, right, 9) == slow_distance(left, right)


def test_among_very_many_words_only_those_with_the_same_first_letter_are_compared() -> None:
    words = [f"step_{number}" for number in range(150)] + [f"task_{number}" for number in range(150)]
    assert nearest("tsk_7", words) == ["task_7"]
    assert nearest("xask_7", words) == []


@pytest.mark.parametrize(
    ("word", "allowed", "sure"),
    [
        ("biuld", ["build", "test"], True),
        ("bild", ["build", "bold"], False),
        ("test3", ["test1"], False),
        ("desc", ["description"], False),
        ("zzz", ["build"], False),
        ("wep", ["web"], True),
        ("fe", ["be"], False),
        ("job_c", ["job_a"], False),
        ("job-c", ["job_a"], False),
        ("tests", ["test"], True),
        ("install", ["uninstall"], False),
        ("deployed", ["deploy"], False),
    ],
)
def test_a_slip_is_certain_when_nothing_else_can_be_meant(word: str, allowed: list[str], sure: bool) -> None:
    assert certain(word, allowed) is sure
