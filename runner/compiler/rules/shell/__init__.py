"""The shell text of steps. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.shell import (
    env_reserved,
    env_unknown,
    output_undeclared,
    output_unwritten,
    output_value,
    shell_check,
    shell_lost,
    shell_quotes,
    shell_syntax,
    untrusted_text,
)

RULES: tuple[ModuleType, ...] = (
    shell_syntax,
    shell_quotes,
    untrusted_text,
    output_undeclared,
    output_unwritten,
    output_value,
    shell_lost,
    env_reserved,
    env_unknown,
    shell_check,
)
