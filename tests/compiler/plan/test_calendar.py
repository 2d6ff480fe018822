"""The next times of schedules are those of Prefect's genuine schedule classes; the change of clocks is told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from runner.compiler.canonical import Json
from runner.compiler.plan.calendar import clock_changes, next_fires, refusal
from runner.compiler.plan.recurrence import ANCHOR

ZONES = ("Europe/Berlin", "America/New_York", "UTC", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago")
#: Around the changes of clocks, inside of them, and elsewhere.
STARTS = (
    datetime(2027, 3, 27, 12, tzinfo=UTC),
    datetime(2027, 3, 28, 0, 10, tzinfo=UTC),
    datetime(2027, 10, 30, 12, tzinfo=UTC),
    datetime(2027, 10, 31, 0, 30, tzinfo=UTC),
    datetime(2027, 10, 31, 1, 10, tzinfo=UTC),
    datetime(2027, 11, 6, 12, tzinfo=UTC),
    datetime(2027, 6, 1, 3, 4, 5, 99, tzinfo=UTC),
)
CRONS = (
    "30 2 * * *",
    "0 * * * *",
    "*/30 * * * *",
    "30 2,3 * * *",
    "0 9 * * MON",
    "0 9 13 * FRI",
    "0 9 */2 * FRI",
    "0 9 13 * */2",
    "0 9 */1 * FRI",
    "15 10-12/2 * JAN-MAR SAT,SUN",
    "5/20 0 1 * *",
    "0 0 29 2 *",
    "0 12 * * FRI-SUN",
)
RULES = (
    "FREQ=DAILY;BYHOUR=2;BYMINUTE=30",
    "freq=weekly;byday=mo,su;byhour=2",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=MONTHLY;BYDAY=1MO,-1FR;BYHOUR=1,2,3",
    "FREQ=HOURLY;BYMINUTE=15,45",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
    "FREQ=YEARLY",
    "FREQ=DAILY;COUNT=2700",
    "FREQ=DAILY;UNTIL=20270329",
    "DTSTART:20270101T013000\nRRULE:FREQ=DAILY",
    "RRULE:FREQ=DAILY\nEXDATE:20270328T000000",
)
INTERVALS = ("1m", "90m", "1h", "6h", "7h", "1d", "2d", "25h", "1w")


def at(schedule: Mapping[str, Json], start: datetime, count: int = 5) -> list[datetime]:
    return [fire.at.astimezone(UTC) for fire in next_fires(schedule, start, count)]


def prefects(schedule: object, start: datetime) -> list[datetime]:
    dates = asyncio.run(schedule.get_dates(n=5, start=start))  # type: ignore[attr-defined]
    return [date.astimezone(UTC).replace(microsecond=0) for date in dates]


@pytest.fixture(scope="module")
def schedules() -> object:
    """Prefect's own schedules."""
    return pytest.importorskip("prefect.server.schemas.schedules")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("zone", ZONES)
def test_cron_is_prefects(schedules: object, zone: str) -> None:
    for cron in CRONS:
        genuine = schedules.CronSchedule(cron=cron, timezone=zone)  # type: ignore[attr-defined]
        for start in STARTS:
            assert at({"cron": cron, "timezone": zone}, start) == prefects(genuine, start), (cron, start)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_crons_nobody_thought_of_are_prefects(schedules: object) -> None:
    chance = random.Random(7)

    def field(low: int, high: int) -> str:
        first = chance.randint(low, high - 1)
        forms = (
            "*",
            f"*/{chance.randint(1, 7)}",
            str(first),
            f"{first}-{chance.randint(first + 1, high)}",
            f"{first},{high}",
        )
        return chance.choice(forms)

    for _ in range(60):
        cron = " ".join((field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)))
        zone, start = chance.choice(ZONES), chance.choice(STARTS)
        genuine = schedules.CronSchedule(cron=cron, timezone=zone)  # type: ignore[attr-defined]
        assert at({"cron": cron, "timezone": zone}, start) == prefects(genuine, start), (cron, zone, start)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("zone", ZONES[:2])
def test_rules_are_prefects(schedules: object, zone: str) -> None:
    for rule in RULES:
        genuine = schedules.RRuleSchedule(rrule=rule, timezone=zone)  # type: ignore[attr-defined]
        for start in (STARTS[0], STARTS[4], STARTS[6]):
            assert at({"rrule": rule, "timezone": zone}, start) == prefects(genuine, start), (rule, start)


@pytest.mark.parametrize("zone", ZONES)
def test_intervals_are_prefects(schedules: object, zone: str) -> None:
    units = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    anchor = ANCHOR.replace(tzinfo=ZoneInfo(zone))
    for every in INTERVALS:
        interval = timedelta(**{units[every[-1]]: int(every[:-1])})
        genuine = schedules.IntervalSchedule(interval=interval, timezone=zone, anchor_date=anchor)  # type: ignore[attr-defined]
        for start in STARTS:
            assert at({"every": every, "timezone": zone}, start) == prefects(genuine, start), (every, start)


def notes(schedule: Mapping[str, Json], start: datetime) -> list[str]:
    return [fire.note for fire in next_fires({"timezone": "Europe/Berlin", **schedule}, start, 3) if fire.note]


def test_a_time_that_does_not_exist_is_told() -> None:
    found = notes({"rrule": "FREQ=DAILY;BYHOUR=2;BYMINUTE=30;BYSECOND=0"}, datetime(2027, 3, 27, 12, tzinfo=UTC))
    assert found == ["2027-03-28 02:30 does not exist in Europe/Berlin: it fires at 01:30"]
    found = notes({"cron": "30 2 * * *"}, datetime(2027, 3, 27, 12, tzinfo=UTC))
    assert len(found) == 1
    assert found[0].startswith("2027-03-28 02:30 does not exist in Europe/Berlin: it fires at ")


def test_a_time_that_happens_twice_is_told() -> None:
    found = notes({"cron": "30 2 * * *"}, datetime(2027, 10, 30, 12, tzinfo=UTC))
    assert found == ["02:30 happens twice in Europe/Berlin: it fires once, the first time"]


def test_an_interval_over_a_change_of_clocks_is_told() -> None:
    found = notes({"every": "6h"}, datetime(2027, 3, 27, 20, tzinfo=UTC))
    assert found == ["the clocks have changed in Europe/Berlin since the time before"]


def test_ordinary_times_need_no_words() -> None:
    assert notes({"cron": "0 9 * * *"}, datetime(2027, 3, 27, 12, tzinfo=UTC)) == []


@pytest.mark.parametrize(
    "schedule",
    [
        {"cron": "0 9 * * *", "active": False},
        {"cron": "61 9 * * *"},
        {"cron": "0 9 * * *", "timezone": "Nowhere/Land"},
        {"cron": "0 9 * * *", "timezone": 5},
        {"rrule": "FREQ=NEVER"},
        {"rrule": "FREQ=DAILY;UNTIL=20210101"},
        {"rrule": "RRULE:FREQ=DAILY\nEXDATE:tomorrow"},
        {"every": "0s"},
        {"every": "soon"},
        {},
    ],
)
def test_what_never_fires_has_no_times(schedule: dict[str, Json]) -> None:
    assert next_fires(schedule, STARTS[0]) == []


def test_rare_times_are_not_looked_for_without_end() -> None:
    assert at({"rrule": "FREQ=YEARLY;INTERVAL=50"}, STARTS[0]) == []
    assert at({"cron": "0 0 29 2 *"}, STARTS[0], 2) == [
        datetime(2028, 2, 29, tzinfo=UTC),
        datetime(2032, 2, 29, tzinfo=UTC),
    ]


def test_frequent_rules_are_answered_soon() -> None:
    start = datetime(2027, 6, 1, 3, 4, 5, tzinfo=UTC)
    assert at({"rrule": "FREQ=SECONDLY;INTERVAL=20"}, start, 2) == [start.replace(second=20), start.replace(second=40)]
    assert at({"rrule": "DTSTART:20280101T000000\nRRULE:FREQ=MINUTELY"}, start, 1) == [datetime(2028, 1, 1, tzinfo=UTC)]


@pytest.mark.parametrize(
    "schedule",
    [
        {"rrule": "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO"},
        {"rrule": "FREQ=SECONDLY;INTERVAL=61;BYMONTH=2"},
        {"rrule": "FREQ=MINUTELY;COUNT=999999"},
        {"rrule": "FREQ=DAILY;INTERVAL=999999"},
        {"rrule": "RRULE:FREQ=YEARLY;INTERVAL=50\nEXDATE:20270402T000000"},
        {"every": "999999999w"},
    ],
)
def test_what_could_be_looked_for_without_end_is_not(schedule: dict[str, Json]) -> None:
    assert next_fires(schedule, STARTS[0]) == []


def test_the_days_on_which_clocks_change() -> None:
    assert [str(day) for day in clock_changes(ZoneInfo("Europe/Berlin"), 2027)] == ["2027-03-28", "2027-10-31"]
    assert clock_changes(ZoneInfo("Asia/Kolkata"), 2027) == ()


def test_the_library_says_why_it_refuses() -> None:
    assert refusal("RRULE:FREQ=DAILY\nEXDATE:tomorrow") != ""
    assert refusal("RRULE:FREQ=DAILY\nEXDATE:20270101T000000") == ""


def test_an_interval_of_days_keeps_its_place_on_the_clock() -> None:
    found = next_fires({"every": "1d", "timezone": "Europe/Berlin"}, datetime(2027, 3, 26, 12, tzinfo=UTC), 3)
    assert [f"{fire.at:%d %H:%M}" for fire in found] == ["27 00:00", "28 00:00", "29 00:00"]


def test_a_moment_with_a_fraction_of_a_second_is_rounded_up() -> None:
    start = datetime(2027, 3, 26, 9, 0, 0, 1, tzinfo=UTC)
    assert at({"cron": "0 9 * * *"}, start, 1) == [datetime(2027, 3, 27, 9, tzinfo=UTC)]


def test_a_rule_of_several_lines_leaves_out_its_exceptions() -> None:
    rule = "RRULE:FREQ=DAILY\nEXDATE:20270327T000000"
    found = at({"rrule": rule}, datetime(2027, 3, 26, 12, tzinfo=UTC), 1)
    assert found == [datetime(2027, 3, 28, tzinfo=UTC)]
