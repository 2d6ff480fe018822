"""Making a part of a run again: what is made anew, what is taken over, and which files its boxes begin with.

A run that has ended is never changed. The new run is of the same plan with the same inputs; everything here is decided
before anything of it is written, so that a refusal leaves nothing behind.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import cast

from runner.compiler.canonical import Json
from runner.compiler.plan.model import Plan
from runner.compiler.suggest import did_you_mean
from runner.errors import StoreError, UsageError
from runner.records import dataclass
from runner.run import artifacts, remembered, support
from runner.run.kept import Kept
from runner.run.ports import StepState
from runner.run.prior import Mode, Prior, Taken
from runner.run.refill import Refill
from runner.run.snapshots import Beginning

_Document = Mapping[str, Json]
#: How a leg may have ended to be taken over. One that was skipped is looked at anew.
_TAKEN = ("succeeded", "failed", "cancelled")
_PAST = {"failed": "failed", "cancelled": "was cancelled", "skipped": "was skipped"}


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wants to have made again; `names` are steps, or legs as `runner status` names them."""

    mode: Mode = "all"
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Parts:
    """`steps` are made again with every leg, of others only `legs`; `left` are left out."""

    steps: frozenset[str]
    legs: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()


def _plain(*words: str) -> str:
    return shlex.join(("runner", *words))


class Rerun:
    """A run that has ended, and what is made again of it. `state` is the state folder; `command` gives a command of
    runner for people, from its words, with what else it needs to work on that folder. Methods block.
    """

    def __init__(self, plan: Plan, kept: Kept, state: Path, command: Callable[..., str] = _plain) -> None:
        self._plan = plan
        self._kept = kept
        self._state = state
        self._command = command
        self._documents = kept.documents("step")
        self._steps = {step.id: step for step in support.all_steps(plan)}
        self._items = _items(kept)
        self._last = {step.id for step in (plan.on_failure, plan.finally_) if step is not None}

    def prepare(self, choice: Choice) -> tuple[Prior, dict[str, Beginning]]:
        """What the new run takes over, and the files that its boxes begin with, by their sandboxes.

        Raises UsageError that says what is in the way and what to do instead, StoreError.
        """
        parts = self._parts(choice)
        words = f"it was left out: only {' and '.join(choice.names)} was to be made again"
        left = dict.fromkeys(sorted(parts.left), words)
        legs = {key: self._taken(key, leg) for key, leg in self._documents.items() if self._is_taken(key, leg, parts)}
        prior = Prior(self._kept.run, choice.mode, choice.names, legs, left)
        self._refuse_hopeless(choice, prior, parts)
        self._refuse_forgotten(prior)
        self._refuse_hidden(prior, parts)
        self._refuse_missing(prior)
        begins = remembered.beginnings(self._state, self._kept.document)
        made = {name for name in self._steps if name in parts.steps or self._some(name, parts)} - self._last
        wanted = made | {name for name in choice.names if name in self._last}
        return prior, begins | Refill(self._plan, self._kept, self._state, prior, self._again).files(
            wanted, self._before, begins
        )

    # ------------------------------------------------------------ what is made again

    def _parts(self, choice: Choice) -> _Parts:
        if choice.mode == "all":
            return _Parts(frozenset(self._steps))
        if choice.mode == "failed":
            steps, legs = self._did_not_succeed()
        else:
            named = [self._named(name) for name in choice.names]
            steps = {name for name in named if name in self._steps}
            legs = {name for name in named if name not in self._steps}
        begun = steps | {self._step_of(key) for key in legs}
        if choice.mode == "only":
            needed = begun.union(*(self._before(name) for name in begun))
            return _Parts(frozenset(steps), frozenset(legs), frozenset(self._steps.keys() - needed))
        return _Parts(frozenset(steps | self._after(begun) | self._last), frozenset(legs))

    def _did_not_succeed(self) -> tuple[set[str], set[str]]:
        """The steps and the legs that failed or were cancelled. What was skipped for these comes after them."""
        legs = {key for key, leg in self._documents.items() if leg["state"] in ("failed", "cancelled")} - self._last
        fans = {key for key in legs if key in self._steps and self._steps[key].for_each is not None}
        if not legs and self._kept.document["state"] == "succeeded":
            run = self._kept.run
            raise UsageError(
                f"nothing of run {run} failed: it succeeded", f"Make all of it again: `{self._command('rerun', run)}`."
            )
        # The step of a `for_each` failed with its items: these are told one by one, unless there were none.
        empty = {fan for fan in fans if not any(self._step_of(key) == fan for key in legs - {fan})}
        return empty | {key for key in legs - fans if key in self._steps}, legs - fans - self._steps.keys()

    def _named(self, name: str) -> str:
        known = [*self._steps, *(key for key in self._documents if key not in self._steps)]
        if name not in known:
            raise UsageError(
                f"run {self._kept.run} has no step {name!r}",
                did_you_mean(name, known) or f"Its steps: {', '.join(list(self._steps)[:10])}.",
            )
        return name

    def _step_of(self, key: str) -> str:
        return str(self._documents[key]["step"])

    def _some(self, name: str, parts: _Parts) -> bool:
        return any(self._step_of(key) == name for key in parts.legs)

    def _after(self, names: Iterable[str]) -> set[str]:
        """The steps that depend on any of these, at any distance."""
        return {step.id for step in self._plan.steps if self._before(step.id) & set(names)}

    def _before(self, name: str) -> set[str]:
        """The steps that a step depends on, at any distance; all of them before a last step."""
        if name in self._last:
            return {step.id for step in self._plan.steps}
        found: set[str] = set()
        waiting = list(self._steps[name].after)
        while waiting:
            if (one := waiting.pop()) not in found:
                found.add(one)
                waiting += self._steps[one].after
        return found

    # ------------------------------------------------------------ what is taken over

    def _is_taken(self, key: str, leg: _Document, parts: _Parts) -> bool:
        step = self._steps[str(leg["step"])]
        if step.id in self._last or step.id in parts.steps | parts.left or key in parts.legs:
            return False
        whole = step.for_each is not None and key == step.id
        return leg["state"] in _TAKEN and not whole

    def _taken(self, key: str, leg: _Document) -> Taken:
        stored = self._kept.documents("artifact")
        named = {name: stored.get(f"{key}/{name}") for name in self._steps[str(leg["step"])].outputs}
        told = {
            name: {part: about[part] for part in ("digest", "bytes", "files", "path")}
            for name, about in named.items()
            if about is not None
        }
        before = leg.get("reused")
        return Taken(
            state=cast("StepState", leg["state"]),
            message=str(leg["message"]),
            outputs=cast("dict[str, Json]", leg["outputs"]),
            hidden=tuple(cast("list[str]", leg.get("hidden") or ())),
            artifacts=told,
            item=self._items.get(key),
            error_class=cast("str | None", leg["error_class"]),
            files=leg["box"] is not None or (isinstance(before, dict) and before.get("files") is True),
        )

    # ------------------------------------------------------------ what is in the way

    def _again(self, step: str) -> str:
        return self._command("rerun", self._kept.run, "--from", step)

    def _refuse_hopeless(self, choice: Choice, prior: Prior, parts: _Parts) -> None:
        """Raise UsageError for a step that was asked for and would be skipped again, for what is taken over."""
        for name in choice.names:
            step = self._steps.get(name) or self._steps[self._step_of(name)]
            alone = step.condition_guards_failure or step.id in self._last
            for upstream in () if alone else step.after:
                state = self._worst(upstream)
                again = upstream in parts.steps or self._some(upstream, parts)
                if again or state == "succeeded" or (state == "failed" and self._steps[upstream].allow_failure):
                    continue
                raise UsageError(
                    f"{name} would not run: it needs {upstream}, which {_PAST[state]} in run {prior.run}",
                    f"Make that again too: `{self._again(upstream)}`, or --failed.",
                )

    def _worst(self, name: str) -> str:
        states = {str(leg["state"]) for leg in self._documents.values() if leg["step"] == name}
        return next((state for state in ("failed", "cancelled", "skipped") if state in states), "succeeded")

    def _refuse_forgotten(self, prior: Prior) -> None:
        """Raise UsageError for a leg of a `for_each` of which nobody knows the item any more."""
        for key in prior.legs:
            step = self._steps[self._step_of(key)]
            if step.for_each is not None and key not in self._items:
                raise UsageError(
                    f"what {key} worked on in run {prior.run} is not known any more: retention has removed its events",
                    f"Make that again too: `{self._again(step.id)}`.",
                )

    def _refuse_hidden(self, prior: Prior, parts: _Parts) -> None:
        """Raise UsageError where a step to be made again may need an output that holds a secret: no store has it."""
        for name in self._steps.keys() - parts.left - self._last:
            if not (name in parts.steps or self._some(name, parts)):
                continue
            for key, taken in prior.legs.items():
                if taken.hidden and self._step_of(key) in self._steps[name].after:
                    raise UsageError(
                        f"{name} needs {key}, whose output {taken.hidden[0]} holds a secret, which is never stored",
                        f"Make that again too: `{self._again(self._step_of(key))}`.",
                    )

    def _refuse_missing(self, prior: Prior) -> None:
        """Raise UsageError for an artifact that would be taken over and is not whole."""
        for key, taken in prior.legs.items():
            for name, about in taken.artifacts.items():
                try:
                    artifacts.load(self._state / "artifacts", str(about["digest"]))
                except StoreError as error:
                    raise UsageError(
                        f"the artifact {name} of {key} in run {prior.run} cannot be taken over: {error.message}",
                        f"Make it again: `{self._again(self._step_of(key))}`.",
                    ) from error


def _items(kept: Kept) -> dict[str, Json]:
    """The items of the legs of every `for_each`, masked."""
    told = (event for event in kept.events if event.type == "step.expanded")
    legs = (each for event in told for each in cast("list[dict[str, Json]]", event.data["legs"]))
    return {str(each["leg"]): each["item"] for each in legs}
