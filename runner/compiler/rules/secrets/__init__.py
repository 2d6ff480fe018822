"""Secrets and where they go. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.secrets import (
    credential_literal,
    secret_duplicate,
    secret_exposed,
    secret_file,
)

RULES: tuple[ModuleType, ...] = (secret_exposed, credential_literal, secret_duplicate, secret_file)
