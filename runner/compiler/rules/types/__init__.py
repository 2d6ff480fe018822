"""Inputs, declared types, matrices and times. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.types import (
    default_unused,
    duration_zero,
    input_default,
    matrix_duplicate,
    matrix_empty,
    matrix_exclude,
    matrix_include,
    matrix_number,
    matrix_size,
    retry_delay,
    retry_ineffective,
    test_values,
    type_format,
    type_schema,
)

RULES: tuple[ModuleType, ...] = (
    input_default,
    type_schema,
    type_format,
    default_unused,
    test_values,
    matrix_empty,
    matrix_duplicate,
    matrix_exclude,
    matrix_include,
    matrix_size,
    matrix_number,
    duration_zero,
    retry_delay,
    retry_ineffective,
)
