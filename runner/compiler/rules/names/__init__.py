"""Names that must be declared, and told apart. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.names import (
    agent_unknown,
    name_similar,
    owner_unknown,
    phase_unknown,
    policy_event,
    sandbox_unknown,
    test_names,
)

RULES: tuple[ModuleType, ...] = (
    sandbox_unknown,
    agent_unknown,
    owner_unknown,
    phase_unknown,
    policy_event,
    test_names,
    name_similar,
)
