"""What expressions see while a run goes on: inputs, secrets, the run itself, and the steps that have ended."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runner.compiler.canonical import Json
from runner.compiler.expressions import render
from runner.compiler.expressions.runtime import as_text
from runner.compiler.plan.model import Leg, Plan, PlanStep
from runner.run.ports import StepState

#: The folder below a box's home where upstream artifacts are placed.
ARTIFACTS = ".artifacts"


def legs_of(step: PlanStep) -> tuple[Leg, ...]:
    """The legs to execute: those of the matrix, or the step itself as its only leg."""
    return (step.legs or ()) if step.is_matrix else (step.legs or (Leg(step.id),))


@dataclass(slots=True)
class Ended:
    """How one leg ended: its state and its outputs; an artifact's output is its digest."""

    state: StepState
    outputs: dict[str, Json] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)


class Values:
    """The variables of expressions. Values stay unmasked here: steps need the real ones."""

    def __init__(self, plan: Plan, run: str, secrets: Mapping[str, str]) -> None:
        self._plan = plan
        self._run: dict[str, Json] = {"id": run, "name": plan.name}
        self._secrets: dict[str, Json] = dict(secrets)
        self._ended: dict[str, dict[str, Ended]] = {}

    def end(self, step: PlanStep, leg: Leg, ended: Ended) -> None:
        """Take note of a leg's end."""
        self._ended.setdefault(step.id, {})[leg.key] = ended

    def ended(self, step: PlanStep, leg: Leg) -> Ended | None:
        """How that leg ended; None while it has not."""
        return self._ended.get(step.id, {}).get(leg.key)

    def state(self, step: PlanStep) -> StepState:
        """The state of a step whose legs have all ended: the worst of theirs. A step without legs succeeded."""
        states = {ended.state for ended in self._ended.get(step.id, {}).values()}
        order: tuple[StepState, ...] = ("failed", "cancelled", "succeeded")
        return next((state for state in order if state in states), "skipped" if states else "succeeded")

    def succeeded(self, step: PlanStep) -> bool:
        """Whether steps after this one may run: it succeeded, or it failed and is allowed to."""
        state = self.state(step)
        return state == "succeeded" or (state == "failed" and step.allow_failure)

    def variables(self, leg: Leg, upstream: Iterable[str], home: str = "") -> dict[str, Json]:
        """The variables of one leg: of the steps only those in `upstream` that have ended.

        `home` is the home folder of its box, where artifacts are placed.
        """
        wanted = set(upstream)
        return {
            "inputs": dict(self._plan.inputs),
            "matrix": dict(leg.matrix),
            "secrets": self._secrets,
            "run": self._run,
            "steps": {
                step.id: {"state": self.state(step), "outputs": self._outputs(step, home)}
                for step in self._plan.steps
                if step.id in wanted and len(self._ended.get(step.id, {})) == len(legs_of(step))
            },
        }

    def _outputs(self, step: PlanStep, home: str) -> dict[str, Json]:
        """A matrix step's output is the list of its succeeded legs' outputs, in the order of the matrix."""
        single: dict[str, list[Json]] = {name: [] for name in step.outputs} if step.is_matrix else {}
        for index, leg in enumerate(legs_of(step)):
            ended = self._ended.get(step.id, {}).get(leg.key, Ended("skipped"))
            for name in ended.artifacts:
                single.setdefault(name, []).append(artifact_folder(home, step, name, index))
            for name, value in ended.outputs.items():
                single.setdefault(name, []).append(value)
        return {name: values if step.is_matrix else values[0] for name, values in single.items()}


def artifact_folder(home: str, step: PlanStep, output: str, index: int) -> str:
    """Where an upstream artifact is placed: `<home>/.artifacts/<step>/[<leg index>/]<output>`."""
    middle = (step.id, str(index)) if step.is_matrix else (step.id,)
    return posixpath.join(home, ARTIFACTS, *middle, output)


def rendered(template: str, variables: Mapping[str, Json]) -> str:
    """A template as text. Raises ExpressionFailed."""
    return as_text(render(template, variables))
