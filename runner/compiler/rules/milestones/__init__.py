"""Milestones against the graph, and the load of owners. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.milestones import (
    milestone_date,
    milestone_duplicate,
    milestone_empty,
    milestone_missing,
    milestone_order,
    milestone_sequence,
    milestone_undated,
    milestone_unknown,
    owner_kind,
    owner_missing,
    owner_overloaded,
)

RULES: tuple[ModuleType, ...] = (
    milestone_unknown,
    milestone_duplicate,
    milestone_date,
    milestone_order,
    milestone_sequence,
    milestone_undated,
    milestone_empty,
    milestone_missing,
    owner_missing,
    owner_kind,
    owner_overloaded,
)
