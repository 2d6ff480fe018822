"""The names under one key of every step, of templates that no step uses too."""

from __future__ import annotations

from runner.compiler.spec import StepSpec, Workflow
from runner.compiler.spec.model import At
from runner.compiler.spec.read import at_text, child


def mentions(workflow: Workflow, key: str) -> list[At[str]]:
    """What the steps, the hooks and the templates name under `key`. One place may come several times."""
    found = [at_text(step.node.get(key)) for step in workflow.all_steps]
    found += [at_text(child(template.body.get("step"), key)) for template in workflow.templates.values()]
    return [at for at in found if at is not None]


def step_named(workflow: Workflow, name: str) -> StepSpec | None:
    """The step or hook of that id."""
    hooks = {"on_failure": workflow.on_failure, "finally": workflow.finally_}
    return workflow.steps.get(name) or hooks.get(name)
