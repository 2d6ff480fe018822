"""`param-unused`: a parameter that its template does not use."""

from __future__ import annotations

import re

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.expressions.scan import masked, references
from runner.compiler.expressions.uses import found_in, step_uses, until_uses
from runner.compiler.rules.composition.params import declared_nodes
from runner.compiler.rules.context import Context
from runner.compiler.spec import StepSpec

CODE = "param-unused"
_PROPERTY = re.compile(r"\.\s*([a-z_]\w*)")


def check(context: Context) -> list[Diagnostic]:
    """A parameter should be used by the step of its template, else whoever gives it waits in vain for an effect."""
    found = []
    for template in context.workflow.templates.values():
        step = context.workflow.template_steps.get(template.id)
        expressions = _expressions(step) if step is not None else []
        if step is None or _names_nothing(step, expressions):
            continue  # one that is not used may be meant
        # What stands behind a dot: `params` itself may be mistyped.
        used = {name for text in expressions for name in _PROPERTY.findall(masked(text))}
        for name, one in declared_nodes(template).items():
            if name not in used:
                message = f"the parameter `{name}` is declared and never used by the template `{template.id}`"
                found.append(warning(CODE, message, one.key.span, "use it, or remove it"))
    return found


def _expressions(step: StepSpec) -> list[str]:
    return [one.text for use in [*step_uses(step), *until_uses(step)] for one in found_in(use)]


def _names_nothing(step: StepSpec, expressions: list[str]) -> bool:
    """Whether the step of a template names a parameter that is not there."""
    known = {name for template in step.templates for name in declared_nodes(template)}
    paths = [reference.path for text in expressions for reference in references(text)]
    return any(path[0] == "params" and len(path) > 1 and path[1] not in known for path in paths)
