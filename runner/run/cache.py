"""Results of steps that later runs may take instead of running the step again.

An entry is a small file in the state folder, beside the artifacts it names. Its name is a digest of the rendered key,
of all that the step does as written, and of the values that it does it with, so that neither a changed command nor a
changed value or artifact from upstream ever meets an old result.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from runner.compiler.canonical import Json, canonical, digest
from runner.compiler.expressions.functions import hashing
from runner.compiler.plan.model import Leg, Plan, PlanStep
from runner.errors import StoreError
from runner.records import dataclass
from runner.run import artifacts
from runner.run.attempt import Result
from runner.run.clock import iso
from runner.run.filehash import hash_files
from runner.run.journal import Journal
from runner.run.ports import Clock
from runner.run.values import Ended, Values, environment, filled, rendered

#: Characters of a part that is told as it is; of a longer one its digest is.
_SHORT = 100


@dataclass(frozen=True, slots=True)
class Key:
    """Under which name a result is kept, and what the name is made of, for people."""

    digest: str
    told: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Hit:
    """A result of an earlier leg: its outputs, its artifacts (digest, bytes, files), and which run and leg it was."""

    outputs: dict[str, Json]
    artifacts: dict[str, dict[str, Json]]
    run: str
    step: str
    at: str


class Miss(Exception):
    """There is no result to take: a signal inside this room. Its text says why."""


class Cache:
    """The results kept in the folder `state`; `base` is what patterns of `hash` are relative to."""

    def __init__(self, plan: Plan, state: Path, base: Path, values: Values, journal: Journal, clock: Clock) -> None:
        self._plan = plan
        self._state = state
        self._base = base
        self._values = values
        self._journal = journal
        self._clock = clock

    async def key(self, step: PlanStep, leg: Leg, template: str) -> Key:
        """The key of one leg. Raises ExpressionFailed."""
        variables = self._values.variables(step, leg)

        def render() -> str:
            with hashing(partial(hash_files, self._base)):
                return rendered(template, variables)

        # Files may be many and large: hashed beside the loop.
        key = await asyncio.to_thread(render)
        done, read = self._does(step), self._reads(step, leg, variables)
        does, reads = digest(done), digest(read)
        name = digest([self._plan.name, step.id, key, does, reads])
        told: dict[str, Json] = {"key": key, "digest": name, "workflow": self._plan.name, "step": step.id}
        told |= {"does": does, "reads": reads, "expression": template}
        return Key(name, told | {"parts": {**_parts("does", done), **_parts("reads", read)}})

    def _does(self, step: PlanStep) -> dict[str, Json]:
        """What a step does, as written: no titles, no times, no order."""
        sandbox = self._plan.sandboxes.get(step.sandbox or "")
        children: list[Json] = [child.sha256 for child in self._plan.workflows.values()]
        return {
            "action": step.action,
            "env": dict(step.env),
            "stdin": step.stdin,
            "cwd": step.cwd,
            "files": [asdict(copy) for copy in step.files],
            "artifacts": [list(pair) for pair in step.artifacts],
            "outputs": {name: asdict(declared) for name, declared in step.outputs.items()},
            "box": {"needs": dict(sandbox.needs), "env": dict(sandbox.env)} if sandbox else None,
            "workflows": children if step.kind == "workflow" else [],
        }

    def _reads(self, step: PlanStep, leg: Leg, variables: Mapping[str, Json]) -> dict[str, Json]:
        """The values that a leg works with. Secrets are masked: a new token is no reason to do the work again, and
        nobody can guess one from a digest.
        """
        artifacts_in: list[Json] = [
            [upstream, output, [ended.artifacts.get(output) if ended else None for ended in self._ended(upstream)]]
            for upstream, output in step.artifacts
        ]
        read: dict[str, Json] = {
            "matrix": dict(leg.matrix),
            "item": self._values.item(leg),
            "params": variables.get("params"),
            "env": {**environment(self._plan, step, variables)},
            "with": filled(step.action.get("with"), variables) if step.kind == "workflow" else None,
            "stdin": rendered(step.stdin or "", variables),
            "cwd": rendered(step.cwd or "", variables),
            "files": [rendered(copy.source, variables) for copy in step.files],
            "artifacts": artifacts_in,
        }
        return {name: self._journal.mask.json(value) for name, value in read.items()}

    def _ended(self, upstream: str) -> list[Ended | None]:
        step = self._plan.step(upstream)
        return [self._values.ended(step, leg) for leg in self._values.legs(step)]

    async def find(self, key: Key, ttl: float) -> Hit:
        """The result kept under a key, its artifacts verified. Raises Miss with the reason."""
        try:
            entry = json.loads(self._path(key).read_bytes())
            hit, written = Hit(**entry["hit"]), float(entry["written"])
        except FileNotFoundError:
            raise Miss("no earlier run has a result for this key") from None
        except (OSError, ValueError, KeyError, TypeError):
            raise Miss("the result kept for this key cannot be read") from None
        age = self._clock.now() - written
        if not 0 <= age <= ttl:
            raise Miss(f"the result of run {hit.run} is older than {ttl:g} seconds")
        for name, about in hit.artifacts.items():
            try:
                kept = str(about["digest"])
                await asyncio.to_thread(artifacts.load, self._state / "artifacts", kept)
                about["path"] = str(self._state / "artifacts" / f"{kept}.tar")
            except StoreError as error:
                raise Miss(f"the artifact {name} of run {hit.run} is not whole: {error.message}") from None
        return hit

    async def keep(self, key: Key, leg: Leg, result: Result) -> str:
        """Keep a result for later runs; "" or why it was not kept. Raises StoreError when it cannot be written."""
        if self._journal.mask.json(result.outputs) != result.outputs:
            return "its outputs hold a secret"
        now = self._clock.now()
        made: dict[str, Json] = {}
        for name in result.artifacts:
            stored = self._journal.document("artifact", f"{leg.key}/{name}")
            made[name] = {part: stored[part] for part in ("digest", "bytes", "files")}
        hit: dict[str, Json] = {
            "outputs": result.outputs,
            "artifacts": made,
            "run": self._journal.run,
            "step": leg.key,
            "at": iso(now),
        }
        path = self._path(key)
        try:
            await asyncio.to_thread(artifacts.write_durably, path, canonical({"hit": hit, "written": now}))
        except OSError as error:
            raise artifacts.storage_error(error, path) from error
        return ""

    def _path(self, key: Key) -> Path:
        return self._state / "cache" / f"{key.digest}.json"


def _parts(group: str, values: Mapping[str, Json]) -> dict[str, Json]:
    """What a key is made of, for people, who compare it with another: names such as `reads.env.WHO`, with the value as
    JSON, or its digest where it is long. What is empty is left out.
    """
    found: dict[str, Json] = {}
    for name, value in values.items():
        inner = value if isinstance(value, dict) else {"": value}
        for key, each in inner.items():
            if each not in (None, "", [], {}):
                text = canonical(each).decode()
                told = text if len(text) <= _SHORT else f"sha256:{digest(each)}"
                found[".".join(filter(None, (group, name, key)))] = told
    return found
