"""What is declared and never used, or said twice. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.leftovers import (
    agent_unused,
    axis_unused,
    env_redundant,
    input_unused,
    output_unused,
    phase_missing,
    phase_unused,
    sandbox_unused,
    secret_unused,
)

RULES: tuple[ModuleType, ...] = (
    input_unused,
    secret_unused,
    output_unused,
    sandbox_unused,
    agent_unused,
    phase_unused,
    phase_missing,
    axis_unused,
    env_redundant,
)
