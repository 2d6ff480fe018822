"""Templates and other workflows. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.composition import (
    template_unknown,
)

RULES: tuple[ModuleType, ...] = (template_unknown,)
