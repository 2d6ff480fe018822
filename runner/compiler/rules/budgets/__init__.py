"""What a run costs and how long it takes, against what the spec allows. `RULES` in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.budgets import (
    budget_too_small,
    estimate_too_long,
    policy_price,
)

RULES: tuple[ModuleType, ...] = (budget_too_small, policy_price, estimate_too_long)
