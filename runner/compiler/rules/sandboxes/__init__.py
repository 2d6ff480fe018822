"""Sandboxes: what they need, and who can give it. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.sandboxes import (
    sandbox_host,
    sandbox_impossible,
    sandbox_network,
    sandbox_persist,
    sandbox_prefer,
    sandbox_runtime,
    sandbox_session,
    sandbox_template,
)

RULES: tuple[ModuleType, ...] = (
    sandbox_impossible,
    sandbox_prefer,
    sandbox_runtime,
    sandbox_network,
    sandbox_host,
    sandbox_template,
    sandbox_session,
    sandbox_persist,
)
