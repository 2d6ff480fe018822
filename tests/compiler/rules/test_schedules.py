"""How often schedules may fire is a setting; what else they are held against stands in the golden folders."""

from __future__ import annotations

import pytest

from runner.compiler.compile import check
from runner.compiler.surroundings import Settings, Surroundings

SPEC = "spec: 1\nname: demo\nsteps: {{a: {{run: make}}}}\nschedules: [{{id: s, {}}}]\n"


def too_often(schedule: str, least: float) -> bool:
    around = Surroundings(Settings(schedule_interval=least))
    return "schedule-too-often" in [one.code for one in check(SPEC.format(schedule).encode(), "demo.yaml", around)]


@pytest.mark.parametrize(
    ("schedule", "interval"),
    [
        ("every: 10m", 600),
        ("cron: '* * * * *'", 60),
        ("cron: '*/5 * * * *'", 300),
        ("cron: '0,50 * * * *'", 600),
        ("cron: '0 * * * *'", 3600),
        ("cron: '0 9,12 * * *'", 3 * 3600),
        ("cron: '0 1,23 * * *'", 2 * 3600),
        ("cron: '0 9 * * *'", 86400),
        ("cron: '30 9,10 1 1 *'", 3600),
        ("rrule: FREQ=HOURLY;INTERVAL=2", 7200),
        ("rrule: 'FREQ=DAILY;BYHOUR=9,10'", 3600),
    ],
)
def test_the_least_time_between_two_starts_is_a_setting(schedule: str, interval: float) -> None:
    assert not too_often(schedule, interval)
    assert too_often(schedule, interval + 1)
