"""Secrets and where they go. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.secrets import (
    credential_literal,
    secret_duplicate,
    secret_exposed,
    secret_file,
    secret_printed,
)

RULES: tuple[ModuleType, ...] = (
    secret_exposed,
    secret_printed,
    credential_literal,
    secret_duplicate,
    secret_file,
)
