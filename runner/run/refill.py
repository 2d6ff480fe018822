"""The files that steps of an earlier run left in a box which they share, for the steps that are made again.

They are in the snapshot of the last of those steps, where `--snapshots` kept it; in the copy of the box, which is kept
when a run is paused or its provider may lose boxes; or they are what the boxes of that run began with themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import cast

from runner.compiler.canonical import Json
from runner.compiler.plan.model import DEFAULT_SANDBOX, Plan
from runner.errors import StoreError, UsageError
from runner.run import artifacts, snapshots, support
from runner.run.kept import Kept
from runner.run.prior import Prior
from runner.run.snapshots import Beginning

_Document = Mapping[str, Json]


class Refill:
    """Looks for files of one run. `again` gives the command that makes it again from a step. Methods block."""

    def __init__(self, plan: Plan, kept: Kept, state: Path, prior: Prior, again: Callable[[str], str]) -> None:
        self._plan = plan
        self._kept = kept
        self._folder = state / "artifacts"
        self._prior = prior
        self._command = again
        self._documents = kept.documents("step")

    def files(
        self, made: Collection[str], before: Callable[[str], set[str]], begins: Mapping[str, Beginning]
    ) -> dict[str, Beginning]:
        """The files that shared boxes begin with, by their sandboxes. `made` are the steps that are made again,
        `before` names those that one depends on, `begins` is what the boxes of the run before began with.

        Raises UsageError that names the sandbox, its steps and the way out, where files that are relied on are gone.
        """
        found: dict[str, Beginning] = {}
        for name in support.box_sandboxes(self._plan):
            if self._plan.sandboxes[name].scope == "step":
                continue
            users = [step.id for step in support.all_steps(self._plan) if self._uses(step.id, name)]
            again = [user for user in users if user in made]
            legs = [key for key, each in self._prior.legs.items() if each.files and each.state == "succeeded"]
            legs = [key for key in legs if self._documents[key]["step"] in users]
            relied = {one for user in again for one in before(user)}
            beginning = self._newest(name, legs, begins.get(name)) if again and legs else None
            if beginning is not None:
                found[name] = beginning
            elif needed := [key for key in legs if self._documents[key]["step"] in relied]:
                self._refuse(name, again, needed)
        return found

    def _uses(self, id_: str, sandbox: str) -> bool:
        step = next(step for step in support.all_steps(self._plan) if step.id == id_)
        return step.kind in support.IN_BOXES and (step.sandbox or DEFAULT_SANDBOX) == sandbox

    def _newest(self, name: str, legs: list[str], began: Beginning | None) -> Beginning | None:
        """Files that have all that these legs left; None where nobody kept them."""
        own = [key for key in legs if self._documents[key]["box"] is not None]
        if not own:
            return began
        last = max(own, key=lambda key: str(self._documents[key]["ended_at"]))
        snapshot = self._documents[last].get("snapshot")
        source = f"{self._kept.run}:{last}"
        if isinstance(snapshot, dict):
            return self._loaded(str(snapshot["digest"]), source)
        # Of several copies the one with the least of what comes after these legs.
        boxes = [box for box in self._kept.documents("box").values() if box["sandbox"] == name]
        copies = [cast("dict[str, Json]", box["copy"]) for box in boxes if isinstance(box.get("copy"), dict)]
        whole = [copy for copy in copies if set(own) <= set(cast("list[str]", copy["succeeded"]))]
        if not whole:
            return None
        least = min(whole, key=lambda copy: len(cast("list[str]", copy["succeeded"])))
        return self._loaded(str(least["digest"]), source)

    def _loaded(self, digest: str, source: str) -> Beginning | None:
        try:
            return Beginning(snapshots.without_own(artifacts.load(self._folder, digest))[0], source)
        except StoreError:
            return None

    def _refuse(self, sandbox: str, again: list[str], needed: list[str]) -> None:
        first = str(self._documents[needed[0]]["step"])
        raise UsageError(
            f"the box of sandbox {sandbox} is gone with the files that {', '.join(needed)} left in it, and "
            f"{', '.join(again)} would run without them",
            f"Make these again too: `{self._command(first)}`. With --snapshots a run keeps files for this.",
        )
