"""The text that a step executes, and its language."""

from __future__ import annotations

from runner.compiler.document import Mapping, Scalar
from runner.compiler.spec import StepSpec
from runner.compiler.spec.read import child, text


def program(step: StepSpec) -> tuple[Scalar | None, str]:
    """The text of a step and its language, `run` for the text of a `run`; None for a step that has none."""
    if step.kind == "run" and isinstance(step.action, Scalar):
        return step.action, "run"
    if step.kind == "script" and isinstance(step.action, Mapping):
        code = child(step.action, "code")
        return (code if isinstance(code, Scalar) else None), text(step.action.get("language"))
    return None, ""
