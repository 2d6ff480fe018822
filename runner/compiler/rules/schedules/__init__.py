"""When runs start by themselves. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.schedules import (
    schedule_cron,
    schedule_inputs,
    schedule_timezone,
)

RULES: tuple[ModuleType, ...] = (schedule_cron, schedule_timezone, schedule_inputs)
