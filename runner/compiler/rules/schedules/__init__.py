"""When runs start by themselves. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.schedules import (
    schedule_cron,
    schedule_dst,
    schedule_inputs,
    schedule_never,
    schedule_rrule,
    schedule_same,
    schedule_timezone,
    schedule_too_often,
)

RULES: tuple[ModuleType, ...] = (
    schedule_cron,
    schedule_rrule,
    schedule_timezone,
    schedule_never,
    schedule_too_often,
    schedule_dst,
    schedule_same,
    schedule_inputs,
)
