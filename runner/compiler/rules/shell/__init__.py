"""The shell text of steps. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.shell import (
    shell_check,
    shell_quotes,
    shell_syntax,
)

RULES: tuple[ModuleType, ...] = (shell_syntax, shell_quotes, shell_check)
