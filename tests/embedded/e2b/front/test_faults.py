"""Faults made on purpose: their grammar, and when a rule strikes."""

from __future__ import annotations

import pytest

from runner.embedded.e2b.box.http1 import Head
from runner.embedded.e2b.front.faults import EFFECTS, PLACES, Faults, Rule, parse
from runner.embedded.e2b.front.striking import places_of
from runner.errors import UsageError

CREATE = frozenset({"any", "api", "create"})


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("create:503", Rule("create:503", "create", "503", 503)),
        (
            "create:429:retry-after=2:times=3",
            Rule("create:429:retry-after=2:times=3", "create", "429", 429, times=3, retry_after=2),
        ),
        ("any:drop:after=500ms", Rule("any:drop:after=500ms", "any", "drop", after=0.5)),
        ("api:delay:seconds=1.5s", Rule("api:delay:seconds=1.5s", "api", "delay", seconds=1.5)),
        ("box:cut:bytes=1MB", Rule("box:cut:bytes=1MB", "box", "cut", bytes=1_000_000)),
        ("port:cut:bytes=64KiB:skip=1", Rule("port:cut:bytes=64KiB:skip=1", "port", "cut", bytes=65_536, skip=1)),
        ("kill:500:message=a: b=c", Rule("kill:500:message=a: b=c", "kill", "500", 500, message="a: b=c")),
        ("command:kill:after=2m", Rule("command:kill:after=2m", "command", "kill", after=120.0)),
    ],
)
def test_a_rule_means_what_it_says(text: str, rule: Rule) -> None:
    assert parse(text) == rule


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'' is no place; places: any, api, create,"),
        ("moon:503", "'moon' is no place"),
        ("create", "'' is no effect; effects: 400…599, delay, drop, cut, kill"),
        ("create:200", "'200' is no effect"),
        ("create:٤٠٠", "is no effect"),
        ("create:503:often", "'often' is no option here; options: after, message, retry-after, skip, times"),
        ("create:503:bytes=1", "'bytes' is no option here"),
        ("create:drop:retry-after=1", "'retry-after' is no option here"),
        ("create:503:times=0", "times must be a whole number from 1, not '0'"),
        ("create:503:times=-1", "times must be a whole number"),
        ("create:503:after=1h", "after must be a number, with one of ms, s, m or none behind it, not '1h'"),
        ("box:cut:bytes=1TB", "bytes must be a number, with one of kb, mb, kib, mib"),
        ("create:503:skip=1:skip=2", "skip is given twice"),
        ("create:delay", "delay needs seconds"),
    ],
)
def test_a_rule_that_cannot_be_read_is_said(text: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert why in caught.value.message
    assert "PLACE:EFFECT" in caught.value.hint


def _struck(rules: list[str], count: int, clock: list[float]) -> list[str]:
    faults = Faults([parse(text) for text in rules], lambda: clock[0])
    found = []
    for second in range(count):
        clock[0] = float(second)
        rule = faults.strike(CREATE)
        found.append(rule.effect if rule else "-")
    return found


def test_rules_strike_by_count_and_time_and_the_first_one_counts() -> None:
    assert _struck(["create:503:skip=1:times=2"], 5, [0.0]) == ["-", "503", "503", "-", "-"]
    assert _struck(["create:503:after=3"], 5, [0.0]) == ["-", "-", "-", "503", "503"]
    assert _struck(["kill:500", "api:429:times=1", "any:503"], 3, [0.0]) == ["429", "503", "503"]
    assert _struck(["create:503:after=2:skip=1"], 5, [0.0]) == ["-", "-", "-", "503", "503"]


def test_other_rules_begin_anew() -> None:
    faults = Faults([parse("create:503:times=1")])
    assert faults.strike(CREATE) is not None
    assert faults.strike(CREATE) is None
    faults.replace([parse("create:503:times=1")])
    assert faults.strike(CREATE) is not None
    faults.replace([])
    assert faults.strike(CREATE) is None


@pytest.mark.parametrize(
    ("request_line", "port", "place"),
    [
        ("POST /sandboxes", 0, "create"),
        ("POST /v2/sandboxes", 0, "create"),
        ("GET /v2/sandboxes", 0, "info"),
        ("GET /sandboxes/x", 0, "info"),
        ("DELETE /sandboxes/x", 0, "kill"),
        ("POST /v2/sandboxes/x/connect", 0, "connect"),
        ("POST /sandboxes/x/resume", 0, "connect"),
        ("POST /sandboxes/x/timeout", 0, "timeout"),
        ("POST /sandboxes/x/pause", 0, "api"),
        ("POST /v3/templates", 0, "template"),
        ("GET /secrets", 0, "api"),
        ("POST /process.Process/Start", 49983, "command"),
        ("POST /filesystem.Filesystem/Stat", 49983, "files"),
        ("GET /files", 49983, "files"),
        ("GET /health", 49983, "box"),
        ("GET /files", 8000, "port"),
    ],
)
def test_every_request_has_its_place(request_line: str, port: int, place: str) -> None:
    method, path = request_line.split()
    assert places_of(Head(method, path, "HTTP/1.1"), port or None) == {"any", "box" if port else "api", place}


def test_the_documentation_names_every_word(root) -> None:
    text = (root / "docs" / "e2b.md").read_text()
    for word in [*PLACES, *EFFECTS]:
        assert f"`{word}`" in text, word
