"""The state machines of a run and of its legs: which move is allowed, and what a journal replays to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from runner.errors import IllegalMove
from runner.records import dataclass
from runner.run.event import Event
from runner.run.ports import RunState, StepState

#: From each state of a leg, the states that it may move to. A retried leg goes back to "ready"; the step of a
#: `for_each` is running while its items are, and was skipped when all of them were. A leg that waits for a decision of
#: somebody is paused.
STEP_MOVES: Mapping[StepState, frozenset[StepState]] = {
    "pending": frozenset({"ready", "skipped", "cancelled"}),
    "ready": frozenset({"running", "failed", "cancelled", "paused"}),
    "running": frozenset({"succeeded", "failed", "skipped", "cancelled", "ready", "paused"}),
    "paused": frozenset({"ready", "running", "succeeded", "failed", "cancelled"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "skipped": frozenset(),
    "cancelled": frozenset(),
}

#: The states of a leg that something is still to come for.
OPEN: tuple[StepState, ...] = ("pending", "ready", "running", "paused")

#: The states that nothing comes after, of legs and runs.
FINAL: tuple[StepState, ...] = ("succeeded", "failed", "skipped", "cancelled")

#: The moves of a run. From running to running: another process goes on with it.
RUN_MOVES: Mapping[RunState, frozenset[RunState]] = {
    "pending": frozenset({"running", "failed", "cancelled"}),
    "running": frozenset({"running", "succeeded", "failed", "cancelled", "paused"}),
    "paused": frozenset({"running", "failed", "cancelled"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}

#: The state of a leg after each event about it.
STEP_STATE: Mapping[str, StepState] = {
    "step.ready": "ready",
    "step.started": "running",
    "step.retrying": "ready",
    "step.repeated": "ready",
    "step.interrupted": "ready",
    "step.expanded": "running",
    "step.reused": "running",
    "step.paused": "paused",
    "approval.asked": "paused",
    "step.succeeded": "succeeded",
    "step.failed": "failed",
    "step.skipped": "skipped",
    "step.cancelled": "cancelled",
}

#: The state of a run after each event about it.
RUN_STATE: Mapping[str, RunState] = {
    "run.created": "pending",
    "run.started": "running",
    "run.resumed": "running",
    "run.succeeded": "succeeded",
    "run.failed": "failed",
    "run.cancelled": "cancelled",
    "run.paused": "paused",
}


def check_step(key: str, old: StepState, new: StepState) -> None:
    """Raise IllegalMove unless a leg may go from `old` to `new`."""
    if new not in STEP_MOVES[old]:
        raise IllegalMove(f"step {key}: no move from {old} to {new}")


def check_run(key: str, old: RunState, new: RunState) -> None:
    """Raise IllegalMove unless a run may go from `old` to `new`."""
    if new not in RUN_MOVES[old]:
        raise IllegalMove(f"run {key}: no move from {old} to {new}")


@dataclass(slots=True)
class Replayed:
    """What a journal says: the state of the run (None: no event about it) and of each leg it mentions."""

    run: RunState | None = None
    steps: dict[str, StepState] = field(default_factory=dict)


def replay(events: Iterable[Event]) -> Replayed:
    """Follow a journal through the state machines. Raises IllegalMove where it takes a forbidden turn."""
    seen = Replayed()
    for event in events:
        if event.type in RUN_STATE:
            run = RUN_STATE[event.type]
            if seen.run is not None:
                check_run(event.run, seen.run, run)
            seen.run = run
        elif event.type in STEP_STATE and event.step is not None:
            step = STEP_STATE[event.type]
            check_step(event.step, seen.steps.get(event.step, "pending"), step)
            seen.steps[event.step] = step
    return seen
