"""The workflows that steps run, for those who want to know what they cost: found again in the texts of a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from runner.compiler.canonical import Json
from runner.compiler.document import read_all
from runner.compiler.family import name_of
from runner.compiler.inputs import defaults, inputs_schema
from runner.compiler.plan.children import key_of
from runner.compiler.plan.model import SubWorkflow
from runner.compiler.spec import build
from runner.compiler.spec.model import StepSpec, Workflow
from runner.compiler.spec.read import plain_map, text
from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Relative:
    """A workflow that a step runs, and how to find those that its own steps run."""

    workflow: Workflow
    find: Find


#: The workflow that a step runs; None where nobody can look.
Find = Callable[[StepSpec], "Relative | None"]


def nobody(_step: StepSpec) -> Relative | None:
    """Finds nothing."""
    return None


def relatives(top: str, workflows: Mapping[str, SubWorkflow]) -> Find:
    """Finds the workflows of a plan by their texts; `top` is the path of the spec whose plan it is."""
    known: dict[str, Workflow] = {}

    def find(step: StepSpec) -> Relative | None:
        path = step.node.span.path
        key = key_of(top, path, text(step.action))
        if key not in workflows:
            return None
        if key not in known:
            one = workflows[key]
            documents = read_all(one.text.encode(), one.path)
            known[key] = build(next((each for each in documents if name_of(each) == one.name), documents[0]))
        return Relative(known[key], find)

    return find


def inputs_of(step: StepSpec, workflow: Workflow) -> dict[str, Json]:
    """The inputs that are known before a run: those that the step gives as plain values, and defaults."""
    given = plain_map(step.node.get("with"))
    known = {name: value for name, value in given.items() if not (isinstance(value, str) and "${{" in value)}
    standard = {name: value for name, value in defaults(inputs_schema(workflow)).items() if name not in given}
    return {**standard, **known}
