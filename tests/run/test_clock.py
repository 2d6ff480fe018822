"""Moments and ids as runner writes them."""

from __future__ import annotations

import asyncio

from runner.run.clock import SystemClock, iso, new_run_id


def test_a_moment_is_utc_with_microseconds():
    assert iso(0.5) == "1970-01-01T00:00:00.500000Z"


def test_run_ids_sort_by_time_and_differ_by_chance():
    assert new_run_id(1_800_000_000, 0.5) == "20270115-080000-800000"
    assert new_run_id(1_800_000_000, 0.0) < new_run_id(1_800_000_000, 0.99) < new_run_id(1_800_000_001, 0)
    assert len(new_run_id(0, 0.999999999)) == len("20270115-080000-800000")


def test_the_clock_of_this_machine_goes_forward():
    clock = SystemClock()
    before = clock.now()
    asyncio.run(clock.sleep(0))
    assert clock.now() >= before
    assert 0 <= clock.random() < 1
