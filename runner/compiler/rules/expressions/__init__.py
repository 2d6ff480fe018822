"""What stands in `${{ }}` and in conditions. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.expressions import (
    expression_context,
    expression_syntax,
    expression_type,
    expression_unknown,
    expression_value,
)

RULES: tuple[ModuleType, ...] = (
    expression_syntax,
    expression_unknown,
    expression_context,
    expression_type,
    expression_value,
)
