"""Templates and other workflows. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.composition import (
    param_default,
    param_unused,
    template_circle,
    template_unknown,
    template_unused,
    trigger_inputs,
    use_ineffective,
    with_missing,
    with_unknown,
    with_value,
    workflow_circle,
    workflow_duplicate,
    workflow_errors,
    workflow_file,
    workflow_output,
)

RULES: tuple[ModuleType, ...] = (
    template_unknown,
    template_circle,
    template_unused,
    param_default,
    param_unused,
    use_ineffective,
    workflow_file,
    workflow_circle,
    workflow_errors,
    workflow_duplicate,
    workflow_output,
    with_unknown,
    with_missing,
    with_value,
    trigger_inputs,
)
