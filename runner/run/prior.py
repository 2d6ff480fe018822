"""What a run takes over from one before it, of which it makes a part again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, field
from pathlib import Path
from typing import Literal

from runner.compiler.canonical import Json, canonical, digest
from runner.errors import StoreError
from runner.records import dataclass
from runner.run.artifacts import storage_error, write_durably
from runner.run.ports import StepState

#: What is made again: everything, some steps with all that depends on them, some alone, or what did not succeed.
Mode = Literal["all", "from", "only", "failed"]


@dataclass(frozen=True, slots=True)
class Taken:
    """How a leg ended in the run before: its state and message; outputs as the store has them, those in `hidden`
    masked; artifacts (digest, bytes, files, path) by output; the item of a leg of a `for_each`, masked. `files` says
    that it has left files in a box that its sandbox's steps share.
    """

    state: StepState
    message: str = ""
    outputs: dict[str, Json] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    artifacts: dict[str, dict[str, Json]] = field(default_factory=dict)
    item: Json = None
    error_class: str | None = None
    files: bool = False


@dataclass(frozen=True, slots=True)
class Prior:
    """What is taken over from the run `run`: its legs by their keys. `left` are the steps that are neither made again
    nor taken over, with the reason; `steps` are those that were asked for. Without a run: nothing.
    """

    run: str = ""
    mode: Mode = "all"
    steps: tuple[str, ...] = ()
    legs: Mapping[str, Taken] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)

    def told(self) -> dict[str, Json] | None:
        """What the run's document and its first event say of it; None where nothing is taken over."""
        if not self.run:
            return None
        return {"run": self.run, "mode": self.mode, "steps": [*self.steps], "digest": digest(self._body())}

    def _body(self) -> Json:
        legs: dict[str, Json] = {key: {**asdict(taken), "hidden": [*taken.hidden]} for key, taken in self.legs.items()}
        return {"run": self.run, "mode": self.mode, "steps": [*self.steps], "legs": legs, "left": dict(self.left)}

    def write(self, state: Path, run: str) -> None:
        """Keep it beside the plan of the run that takes over. Blocks. Raises StoreError."""
        path = _path(state, run)
        try:
            write_durably(path, canonical(self._body()))
        except OSError as error:
            raise storage_error(error, path) from error


def read(state: Path, run: str, told: Mapping[str, Json]) -> Prior:
    """What `write` has kept, as `told` by the run's document. Blocks. Raises StoreError when it is not that."""
    path = _path(state, run)
    try:
        body = json.loads(path.read_bytes())
        legs = {key: Taken(**{**taken, "hidden": tuple(taken["hidden"])}) for key, taken in body["legs"].items()}
        found = Prior(body["run"], body["mode"], tuple(body["steps"]), legs, body["left"])
    except OSError as error:
        raise storage_error(error, path) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} cannot be read: {error}", "Rerun the run before it again.") from error
    if found.told() != told:
        raise StoreError(f"{path} is not what run {run} began with", "Rerun the run before it again.")
    return found


def _path(state: Path, run: str) -> Path:
    return state / "runs" / run / "prior.json"
