"""Sandboxes, budgets and prices. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.sandboxes import (
    sandbox_impossible,
)

RULES: tuple[ModuleType, ...] = (sandbox_impossible,)
