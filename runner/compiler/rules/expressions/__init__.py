"""What stands in `${{ }}` and in conditions. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.expressions import (
    expression_bare,
    expression_constant,
    expression_context,
    expression_syntax,
    expression_text,
    expression_type,
    expression_unknown,
    expression_value,
    skipped_upstream,
)

RULES: tuple[ModuleType, ...] = (
    expression_syntax,
    expression_bare,
    expression_unknown,
    expression_context,
    expression_type,
    expression_text,
    expression_value,
    expression_constant,
    skipped_upstream,
)
