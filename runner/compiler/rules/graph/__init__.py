"""Steps and what they wait for. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.graph import (
    artifact_glob,
    id_duplicate,
    needs_cycle,
    needs_self,
    needs_unknown,
    phase_order,
    ref_duplicate,
    step_unreachable,
)

RULES: tuple[ModuleType, ...] = (
    needs_unknown,
    needs_self,
    needs_cycle,
    step_unreachable,
    id_duplicate,
    ref_duplicate,
    phase_order,
    artifact_glob,
)
