"""The boxes of a process before this one: found alive and used again, or gone and replaced by a copy of their files.

A box that its sandbox's legs share is part of what they did: as long as it lives it is used again, and only what the
interrupted attempts have started in it is ended. One that was made for a single leg, which was interrupted, is of no
use any more and is freed. An attempt whose command the box has kept was not interrupted: it goes on, in its box.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from runner.compiler.canonical import Json
from runner.compiler.plan.model import DEFAULT_SANDBOX, Plan, PlanStep, SandboxPlan
from runner.errors import BoxError, StoreError
from runner.run import artifacts, support
from runner.run.boxes import Boxes, Copy
from runner.run.clock import moment
from runner.run.journal import Journal
from runner.run.kept import Kept
from runner.run.meter import Meter
from runner.run.ports import Box, Command
from runner.run.reaper import free_strays
from runner.run.rejoin import keeping, kept_name, may_go_on
from runner.run.state import OPEN
from runner.run.supply import Supply
from runner.run.values import OWN, Values, artifact_folder

_Document = Mapping[str, Json]
#: Ends what an attempt has started, by the environment that it gave to all of it.
_END = """\
for each in $(grep -lzxF -- "RUNNER_STEP=$LEG" /proc/[0-9]*/environ 2>/dev/null); do
  if grep -qzxF -- "RUNNER_RUN=$RUN" "$each" 2>/dev/null; then
    process=${each#/proc/}; kill -9 "${process%/environ}" 2>/dev/null
  fi
done
true
"""


class Finder:
    """Looks for the boxes of one run. `folder` is that of the artifacts, where copies of files are."""

    def __init__(self, plan: Plan, kept: Kept, journal: Journal, supply: Supply, folder: Path) -> None:
        self._plan = plan
        self._kept = kept
        self._journal = journal
        self._supply = supply
        self._folder = folder
        self._going_on: dict[str, list[str]] = {}

    async def find(self, boxes: Boxes, values: Values, meter: Meter) -> None:
        """Hand what is found over to `boxes`, and what was spent to `meter`."""
        strays = [free_strays(each, self._kept.run, self._kept.tables["box"]) for each in self._supply.providers]
        await asyncio.gather(*strays)
        before = sorted(self._kept.documents("box").items(), key=lambda item: (str(item[1]["created_at"]), item[0]))
        newest = {str(document["sandbox"]): key for key, document in before}
        for key, document in before:
            name = str(document["sandbox"])
            sandbox = self._plan.sandboxes[name]
            wanted = sandbox.scope != "step" and newest[name] == key
            box, reason = await self._connected(key, document, wanted=wanted)
            if box is not None:
                since, shared = moment(str(document["created_at"])), sandbox.scope != "step"
                held = self._supply.adopt(box, sandbox, since, self._legs(name) if shared else ())
                held.placed |= self._placed(name, box, values)
                boxes.adopt(held, self._going_on.get(key, ()))
                continue
            self._count(key, document, sandbox, meter, reason)
            if wanted:
                await self._replace(boxes, key, document, name, reason or "the process that used it ended")

    # ------------------------------------------------------------ one box

    async def _connected(self, key: str, document: _Document, *, wanted: bool) -> tuple[Box | None, str]:
        """The box, where it lives and is wanted; else why not. One that is not wanted is freed."""
        if document["state"] != "live":
            return None, ""
        try:
            box = await self._supply.connect(key, str(document["provider"]))
            if wanted:
                await box.info()
            await self._look(key, box)
            if wanted or self._going_on[key]:
                await self._end_attempts(key, box)
                return box, ""
            await box.kill()
        except BoxError as error:
            return None, error.message
        return None, "it was made for an attempt that was interrupted"

    async def _look(self, key: str, box: Box) -> None:
        """Find the attempts whose commands went on in the box, or have ended there, while nobody was there."""
        found, kept, run = self._going_on.setdefault(key, []), keeping(box), self._journal.run
        for name, leg in self._journal.documents("step").items():
            if kept is not None and may_go_on(leg, key):
                number = cast("int", leg["attempt"])
                if await kept.there(kept_name(run, name, number)):
                    found.append(name)

    async def _end_attempts(self, key: str, box: Box) -> None:
        """End what interrupted attempts do in the box, and nothing else: others may have left a server there."""
        for name, leg in self._journal.documents("step").items():
            if leg["box"] == key and leg["state"] in OPEN and name not in self._going_on[key]:
                await box.run(Command(_END, env={"LEG": name, "RUN": self._journal.run}))

    def _count(self, key: str, document: _Document, sandbox: SandboxPlan, meter: Meter, reason: str) -> None:
        """What the box cost is part of the run's cost; one that was alive when its process ended is told as gone."""
        if document["state"] != "live":
            usd, seconds = (cast("float", document.get(name, 0.0)) for name in ("usd", "seconds"))
            meter.carry(sandbox.name, usd, seconds)
            return
        last = moment(self._kept.events[-1].ts)
        seconds = max(0.0, last - moment(str(document["created_at"])))
        usd = seconds * self._supply.rate(sandbox, str(document["provider"]))
        meter.carry(sandbox.name, usd, seconds)
        cost: dict[str, Json] = {"usd": round(usd, 6), "seconds": round(seconds, 3), "free": usd == 0}
        about = {"sandbox": sandbox.name, "provider": document["provider"], "box": key, **cost}
        fact = self._journal.fact("box.killed", {**about, "reason": f"gone: {reason}"})
        self._journal.put("box", key, {"state": "gone", "ended_at": self._journal.now(), **cost}, fact)

    async def _replace(self, boxes: Boxes, key: str, document: _Document, name: str, reason: str) -> None:
        """A shared box is gone: the next one begins with the copy of its files, if that has all that is relied on."""
        succeeded = self._legs(name)
        lost = f"the box of sandbox {name} died ({reason}); the files that {', '.join(succeeded)} left in it are lost"
        copy = document.get("copy")
        about = copy if isinstance(copy, dict) else {}
        covered = cast("list[str]", about.get("succeeded", []))
        if set(succeeded) - set(covered):
            boxes.give_up(name, lost)
            return
        if succeeded:
            try:
                tar = await asyncio.to_thread(artifacts.load, self._folder, str(about["digest"]))
            except StoreError as error:
                boxes.give_up(name, f"{lost}: {error.message}")
                return
            placed = frozenset(cast("list[str]", about["placed"]))
            boxes.begin_with(name, Copy(key, tar, tuple(covered), placed, reason))

    # ------------------------------------------------------------ what was done in it

    def _steps(self, name: str) -> list[PlanStep]:
        steps = support.all_steps(self._plan)
        return [step for step in steps if step.kind in support.IN_BOXES and (step.sandbox or DEFAULT_SANDBOX) == name]

    def _legs(self, name: str) -> list[str]:
        """The legs that succeeded in boxes of a sandbox. Those whose results came from the cache left nothing there."""
        ids = {step.id for step in self._steps(name)}
        legs = self._journal.documents("step").items()
        return [
            key for key, leg in legs if leg["step"] in ids and leg["state"] == "succeeded" and leg["box"] is not None
        ]

    def _placed(self, name: str, box: Box, values: Values) -> set[str]:
        """What attempts have put into the box: runner's own folder, artifacts of steps before. An attempt whose command
        had not begun may have been cut off before it came to that.
        """
        legs = [leg for leg in self._journal.documents("step").values() if leg["box"] == box.id]
        began = {str(leg["step"]) for leg in legs if leg.get("began") == leg["attempt"]}
        pairs = [pair for step in self._steps(name) if step.id in began for pair in step.artifacts]
        folders = {OWN} if began else set()
        for upstream, output in pairs:
            step = self._plan.step(upstream)
            folders |= {artifact_folder(box.home, step, output, place) for place in range(len(values.legs(step)))}
        return folders
