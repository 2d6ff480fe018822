"""Inputs, declared types and matrices. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.types import (
    input_default,
    matrix_duplicate,
    matrix_empty,
    matrix_exclude,
    matrix_size,
    type_schema,
)

RULES: tuple[ModuleType, ...] = (
    input_default,
    type_schema,
    matrix_empty,
    matrix_duplicate,
    matrix_exclude,
    matrix_size,
)
