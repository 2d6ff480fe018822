"""Steps and what they wait for. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.graph import (
    artifact_glob,
    needs_cycle,
    needs_self,
    needs_unknown,
)

RULES: tuple[ModuleType, ...] = (needs_unknown, needs_self, needs_cycle, artifact_glob)
