"""What is declared and never used. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.leftovers import (
    agent_unused,
    input_unused,
    sandbox_unused,
    secret_unused,
)

RULES: tuple[ModuleType, ...] = (input_unused, secret_unused, sandbox_unused, agent_unused)
