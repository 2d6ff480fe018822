"""What expressions see while a run goes on: inputs, secrets, the run itself, and the steps that have ended."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from runner.compiler.canonical import Json
from runner.compiler.expressions import evaluate, render
from runner.compiler.expressions.runtime import as_text
from runner.compiler.plan.model import DEFAULT_SANDBOX, Leg, Plan, PlanStep
from runner.errors import ExpressionFailed
from runner.records import dataclass
from runner.run.ports import StepState

#: The folder below a box's home where upstream artifacts are placed.
ARTIFACTS = ".artifacts"
#: runner's own folder in a box's home: output files and scripts.
OWN = ".runner"


def legs_of(step: PlanStep) -> tuple[Leg, ...]:
    """The legs that the plan knows: those of the matrix, or the step itself as its only leg.

    The step of a `for_each` stands for its items until `Values.expand` has named them.
    """
    return (step.legs or ()) if step.is_matrix else (step.legs or (Leg(step.id),))


def is_many(step: PlanStep) -> bool:
    """Whether the step's outputs are lists, one entry for each of its legs."""
    return step.is_matrix or step.for_each is not None


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
        self._fans: dict[str, tuple[Leg, ...]] = {}
        self._items: dict[str, Json] = {}

    # ------------------------------------------------------------ legs

    def legs(self, step: PlanStep) -> tuple[Leg, ...]:
        """The legs of a step: for a `for_each` those of its items, as soon as they are known."""
        return self._fans[step.id] if step.id in self._fans else legs_of(step)

    def expand(self, step: PlanStep, items: Sequence[Json]) -> tuple[Leg, ...]:
        """Take note of the items of a `for_each`: its legs are `id[0]`, `id[1]`, … from now on."""
        found = tuple(Leg(f"{step.id}[{index}]") for index in range(len(items)))
        self._fans[step.id] = found
        self._items |= {leg.key: item for leg, item in zip(found, items, strict=True)}
        return found

    def expanded(self, step: PlanStep) -> bool:
        """Whether the items of a `for_each` are known."""
        return step.id in self._fans

    def item(self, leg: Leg) -> Json:
        """The item of a leg of a `for_each`; None for any other leg."""
        return self._items.get(leg.key)

    def end(self, step: PlanStep, leg: Leg, ended: Ended) -> None:
        """Take note of a leg's end."""
        self._ended.setdefault(step.id, {})[leg.key] = ended

    def ended(self, step: PlanStep, leg: Leg) -> Ended | None:
        """How that leg ended; None while it has not."""
        return self._ended.get(step.id, {}).get(leg.key)

    def state(self, step: PlanStep) -> StepState:
        """The state of a step whose legs have all ended: the worst of theirs. A step without legs succeeded."""
        states = {ended.state for leg in self.legs(step) if (ended := self.ended(step, leg)) is not None}
        order: tuple[StepState, ...] = ("failed", "cancelled", "succeeded")
        return next((state for state in order if state in states), "skipped" if states else "succeeded")

    def succeeded(self, step: PlanStep) -> bool:
        """Whether steps after this one may run: it succeeded, or it failed and is allowed to."""
        state = self.state(step)
        return state == "succeeded" or (state == "failed" and step.allow_failure)

    def consumed(self, step: PlanStep) -> list[str]:
        """The keys of the artifacts that a step is handed: those that its expressions name, of legs that made them."""
        named = [(self._plan.step(upstream), output) for upstream, output in step.artifacts]
        return [
            f"{leg.key}/{output}"
            for upstream, output in named
            for leg in self.legs(upstream)
            if (ended := self.ended(upstream, leg)) is not None and output in ended.artifacts
        ]

    # ------------------------------------------------------------ variables

    def seen(self, upstream: Iterable[str], home: str = "") -> dict[str, Json]:
        """What is the same for all legs: of the steps only those in `upstream` that have ended.

        `home` is the home folder of a box, where artifacts are placed.
        """
        wanted = set(upstream)
        return {
            "inputs": dict(self._plan.inputs),
            "matrix": {},
            "secrets": self._secrets,
            "run": self._run,
            "steps": {
                step.id: {"state": self.state(step), "outputs": self.outputs(step, home)}
                for step in self._plan.steps
                if step.id in wanted and all(self.ended(step, leg) is not None for leg in self.legs(step))
            },
        }

    def variables(self, step: PlanStep, leg: Leg, home: str = "") -> dict[str, Json]:
        """The variables of one leg: its matrix values or its item, and the parameters of its template too.

        Raises ExpressionFailed when a parameter cannot be evaluated. For the step of a `for_each` itself, whose item is
        not known, such parameters are left out.
        """
        found = self.seen(step.after, home)
        found["matrix"] = dict(leg.matrix)
        whole = step.for_each is None or leg.key in self._items
        if step.for_each is not None and whole:
            found[step.for_each.variable] = self._items[leg.key]
        for layer in step.params:
            found["params"] = _layer(layer, found, whole)
        return found

    def outputs(self, step: PlanStep, home: str = "") -> dict[str, Json]:
        """A step's outputs: with several legs, the list of its succeeded legs' outputs, in the order of the legs."""
        many = is_many(step)
        single: dict[str, list[Json]] = {name: [] for name in step.outputs} if many else {}
        for index, leg in enumerate(self.legs(step)):
            ended = self.ended(step, leg) or Ended("skipped")
            for name in ended.artifacts:
                single.setdefault(name, []).append(artifact_folder(home, step, name, index))
            for name, value in ended.outputs.items():
                single.setdefault(name, []).append(value)
        return {name: values if many else values[0] for name, values in single.items()}


def _layer(layer: Mapping[str, Json], variables: Mapping[str, Json], whole: bool) -> dict[str, Json]:
    """The values of one layer of template parameters."""
    found: dict[str, Json] = {}
    for name, value in layer.items():
        try:
            found[name] = filled(value, variables)
        except ExpressionFailed:
            if whole:
                raise
    return found


def environment(plan: Plan, step: PlanStep, variables: Mapping[str, Json]) -> dict[str, str]:
    """What a step's command finds in its environment: its box's, its own, the values of the expressions in its text.

    Raises ExpressionFailed.
    """
    sandbox = plan.sandboxes.get(step.sandbox or DEFAULT_SANDBOX)
    templates = {**(sandbox.env if sandbox else {}), **step.env}
    found = {name: rendered(template, variables) for name, template in templates.items()}
    expressions = step.action.get("expressions")
    for name, expression in (expressions if isinstance(expressions, dict) else {}).items():
        found[name] = as_text(evaluate(str(expression), variables))
    return found


def artifact_folder(home: str, step: PlanStep, output: str, index: int) -> str:
    """Where an upstream artifact is placed: `<home>/.artifacts/<step>/[<leg index>/]<output>`."""
    middle = (step.id, str(index)) if is_many(step) else (step.id,)
    return posixpath.join(home, ARTIFACTS, *middle, output)


def filled(value: Json, variables: Mapping[str, Json]) -> Json:
    """A value whose texts are templates, filled in at any depth. Raises ExpressionFailed."""
    if isinstance(value, str):
        return render(value, variables)
    if isinstance(value, list):
        return [filled(item, variables) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, variables) for key, item in value.items()}
    return value


def rendered(template: str, variables: Mapping[str, Json]) -> str:
    """A template as text. Raises ExpressionFailed."""
    return as_text(render(template, variables))
