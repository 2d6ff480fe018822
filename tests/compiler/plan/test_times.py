"""Cron expressions and recurrence rules: what they mean, and where they are wrong."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from runner.compiler.plan.cron import Cron, CronTrouble, parse_cron
from runner.compiler.plan.recurrence import Rule, RuleTrouble, moment, parse_rule, shortest


def cron(text: str) -> Cron:
    found = parse_cron(text)
    assert isinstance(found, Cron)
    return found


def rule(text: str) -> Rule:
    found = parse_rule(text)
    assert isinstance(found, Rule)
    return found


def test_a_week_may_end_or_begin_with_sunday() -> None:
    assert cron("0 0 * * FRI-SUN").weekdays == cron("0 0 * * 5,6,7").weekdays == {5, 6, 0}
    assert cron("0 0 * * SUN-TUE").weekdays == {0, 1, 2}


def test_where_both_day_fields_are_narrowed_either_one_counts() -> None:
    both = cron("0 0 13 * FRI")
    assert both.has(date(2027, 8, 13))
    assert both.has(date(2027, 3, 13))
    assert both.has(date(2027, 3, 5))
    assert not both.has(date(2027, 3, 4))
    assert not cron("0 0 * 4 FRI").has(date(2027, 3, 5))
    assert not cron("0 0 * * FRI").has(date(2027, 3, 4))


def test_the_place_of_what_is_wrong() -> None:
    text = "0  9,25 * * *"
    found = parse_cron(text)
    assert isinstance(found, CronTrouble)
    assert text[found.start : found.end] == "25"
    text = "FREQ=DAILY;BYHOUR=9,25"
    wrong = parse_rule(text)
    assert isinstance(wrong, RuleTrouble)
    assert text[wrong.start : wrong.end] == "9,25"


@pytest.mark.parametrize("text", ["", " ", "\t"])
def test_nothing_is_no_cron(text: str) -> None:
    assert isinstance(parse_cron(text), CronTrouble)
    assert isinstance(parse_rule(text), RuleTrouble)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20270401", datetime(2027, 4, 1)),
        ("20270401T093000", datetime(2027, 4, 1, 9, 30)),
        ("20270431", None),
        ("soon", None),
    ],
)
def test_moments(text: str, expected: datetime | None) -> None:
    assert moment(text) == expected


def test_a_rule_too_long_for_prefect_is_refused() -> None:
    found = parse_rule("FREQ=DAILY;BYMONTHDAY=" + ",".join(["1"] * 4000))
    assert isinstance(found, RuleTrouble)
    assert "at most 6500" in found.message


@pytest.mark.parametrize(
    "part", ["WKST=XX", "UNTIL=soon", "COUNT=0", "COUNT=1234567890", "BYMONTHDAY=-32", "BYMONTH=-1"]
)
def test_values_that_a_part_cannot_have(part: str) -> None:
    found = parse_rule(f"FREQ=DAILY;{part}")
    assert isinstance(found, RuleTrouble)
    assert found.start == len("FREQ=DAILY;") + part.index("=") + 1


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("FREQ=DAILY;INTERVAL=2", 172800),
        ("FREQ=DAILY;BYHOUR=9,12", 3 * 3600),
        ("FREQ=DAILY;BYHOUR=1,23", 2 * 3600),
        ("FREQ=HOURLY;BYMINUTE=0,50", 600),
        ("FREQ=MINUTELY;BYSECOND=0", 60),
    ],
)
def test_the_least_time_between_two_starts(text: str, least: float) -> None:
    assert shortest(rule(text)) == least
