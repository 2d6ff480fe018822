"""Milestones against the graph, and the load of owners. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.milestones import (
    milestone_duplicate,
    milestone_order,
    milestone_unknown,
)

RULES: tuple[ModuleType, ...] = (milestone_unknown, milestone_duplicate, milestone_order)
