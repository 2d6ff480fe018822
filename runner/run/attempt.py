"""One attempt of one leg: a box, its files, the command, its outputs and artifacts."""

from __future__ import annotations

import asyncio
import posixpath
import shlex
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from pathlib import Path

from runner.compiler.canonical import Json
from runner.compiler.plan.model import FileCopy, Leg, Plan, PlanStep
from runner.errors import BoxError, CommandFailed, CommandTimeout, FileMissing, RunnerError
from runner.records import dataclass
from runner.run import artifacts, hostfiles, outputs, snapshots
from runner.run.boxes import Boxes
from runner.run.journal import Journal
from runner.run.output_log import OutputLog
from runner.run.ports import Box, Command, CommandResult, Stream
from runner.run.snapshots import Snapshots
from runner.run.supply import Held
from runner.run.values import ARTIFACTS, OWN, Values, artifact_folder, environment, is_many, rendered

#: Seconds beyond a step's timeout after which an unreachable box counts as silent.
GRACE = 30.0
_INTERPRETERS = {"python": ("python3", "py"), "node": ("node", "js"), "bash": ("bash", "sh")}

#: Called with a leg's key, the stream and a piece of masked output.
OnText = Callable[[str, Stream, str], None]


def told_below(leg: str, on_text: OnText) -> OnText:
    """Tells the output of a run below after the name of the leg that started it."""

    def named(key: str, stream: Stream, text: str) -> None:
        on_text(f"{leg}/{key}", stream, text)

    return named


@dataclass(slots=True)
class Result:
    """What a successful attempt gave."""

    outputs: dict[str, Json] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Trace:
    """What is known of an attempt, however it ends: where it ran, its exit code, its log's digest and size, or the run
    of another workflow. `began` is set when its work may have had effects.
    """

    provider: str | None = None
    box: str | None = None
    exit_code: int | None = None
    log: dict[str, Json] | None = None
    child: str | None = None
    began: bool = False

    def told(self) -> dict[str, Json]:
        """What events tell of it."""
        found: dict[str, Json] = {
            "provider": self.provider,
            "box": self.box,
            "exit_code": self.exit_code,
            "log": self.log,
            "child": self.child,
        }
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are on this machine: the state folder, the folder that `files` are relative to; and what becomes of
    the files of boxes.
    """

    state: Path
    spec: Path
    snapshots: Snapshots = Snapshots()


class Attempts:
    """Makes attempts. Knows the run's boxes, values and journal; decides nothing about retries."""

    def __init__(
        self, plan: Plan, places: Places, boxes: Boxes, values: Values, journal: Journal, on_text: OnText | None = None
    ) -> None:
        self._plan = plan
        self._places = places
        self._boxes = boxes
        self._values = values
        self._journal = journal
        self._on_text = on_text
        self._packing: dict[tuple[str, FileCopy], asyncio.Task[hostfiles.Packed]] = {}

    async def make(self, step: PlanStep, leg: Leg, number: int, trace: Trace) -> Result:
        """Attempt a leg. `trace` is filled in on the way. Raises one of ATTEMPT_ERRORS, StoreError; Paused, Stopped."""
        async with self._boxes.lease(step, leg.key) as lease:
            held, box = lease.held, lease.held.box
            trace.provider, trace.box = box.provider, box.id
            self._journal.put("step", leg.key, {"provider": box.provider, "box": box.id})
            variables = self._values.variables(step, leg, box.home)
            log = OutputLog(self._journal.mask, self._places.state, (self._journal.run, leg.key, number), self._on_text)
            try:
                await self._prepare(held, step, leg, variables, log)
                command, output = await self._command(box, step, leg, number, variables)
                self._journal.put("step", leg.key, {"began": number})
                await self._journal.sync()
                trace.began = True
                ended = await self._run(box, command, log, lease.seconds)
                trace.exit_code = ended.exit_code
            finally:
                trace.log = log.close()
            log.check()
            if ended.exit_code != 0:
                raise CommandFailed(f"exit code {ended.exit_code}{log.last_words()}")
            result = await self._results(box, step, leg, command.cwd or box.home, output)
            copy = await self._boxes.secure(held, step, leg.key, self._places.state / "artifacts")
            if self._places.snapshots.keep:
                await snapshots.keep(held, copy, self._journal, leg.key, self._places.state / "artifacts")
            held.succeeded[leg.key] = None
            return result

    async def recovers(self, step: PlanStep, leg: Leg, error: RunnerError) -> bool:
        """Whether the spec's policies want the failed attempt to be made again. Raises what they say instead."""
        return isinstance(error, BoxError) and await self._boxes.recovers(step, leg.key, error)

    # ------------------------------------------------------------ before

    async def _prepare(
        self, held: Held, step: PlanStep, leg: Leg, variables: Mapping[str, Json], log: OutputLog
    ) -> None:
        async with held.lock:
            if OWN not in held.placed:
                await snapshots.begin(self._places.snapshots, held, self._journal, leg.key)
                await held.box.mkdir(posixpath.join(held.box.home, OWN))
                held.placed.add(OWN)
            for upstream, output in step.artifacts:
                await self._place(held, self._plan.step(upstream), output)
        for copy in step.files:
            packed = await self._packed(rendered(copy.source, variables), copy)
            for name in packed.left_out:
                log.note(f"files: {name} was left out, it links to a place outside\n")
            await held.box.import_tar(posixpath.join(held.box.home, packed.folder), packed.tar)

    async def _place(self, held: Held, step: PlanStep, output: str) -> None:
        for index, leg in enumerate(self._values.legs(step)):
            ended = self._values.ended(step, leg)
            digest = ended.artifacts.get(output) if ended else None
            folder = artifact_folder(held.box.home, step, output, index)
            if digest is None or folder in held.placed:
                continue
            tar = await asyncio.to_thread(artifacts.load, self._places.state / "artifacts", digest)
            await held.box.import_tar(folder, tar)
            held.placed.add(folder)

    async def _packed(self, source: str, copy: FileCopy) -> hostfiles.Packed:
        """Packed once per run, also when many legs want the same files at once."""
        key = (source, copy)
        if key not in self._packing:
            work = asyncio.to_thread(hostfiles.pack, self._places.spec, source, copy)
            self._packing[key] = asyncio.ensure_future(work)
        return await asyncio.shield(self._packing[key])

    async def _command(
        self, box: Box, step: PlanStep, leg: Leg, number: int, variables: Mapping[str, Json]
    ) -> tuple[Command, str]:
        """The command with its whole environment, and the path of its fresh output file."""
        mark = f"{step.id}.{self._values.legs(step).index(leg) if is_many(step) else 0}.{number}"
        output = posixpath.join(box.home, OWN, f"{mark}.output")
        env = environment(self._plan, step, variables) | {
            "RUNNER_OUTPUT": output,
            "RUNNER_ARTIFACTS": posixpath.join(box.home, ARTIFACTS),
            "RUNNER_RUN": self._journal.run,
            "RUNNER_STEP": leg.key,
            "RUNNER_ATTEMPT": str(number),
        }
        # A line that fails fails the step, as people expect of a list of commands; on one line, so that the shell's
        # own line numbers stay those of the spec.
        text = "set -e; " + str(step.action.get("command", ""))
        if step.kind == "script":
            program, suffix = _INTERPRETERS[str(step.action["language"])]
            path = posixpath.join(box.home, OWN, f"{mark}.{suffix}")
            await box.write(path, str(step.action["code"]).encode())
            text = f"{program} {shlex.quote(path)}"
        cwd = posixpath.join(box.home, rendered(step.cwd, variables)) if step.cwd else None
        stdin = rendered(step.stdin, variables).encode() if step.stdin is not None else None
        return Command(text, env=env, cwd=cwd, stdin=stdin, timeout=step.timeout), output

    # ------------------------------------------------------------ during and after

    async def _run(self, box: Box, command: Command, log: OutputLog, most: float) -> CommandResult:
        """Run the step's command, for `most` seconds where that is less than its timeout."""
        wanted = command.timeout or most  # a step always has a timeout
        short = most < wanted
        limit = min(wanted, most) + GRACE
        try:
            async with asyncio.timeout(limit):
                return await box.run(replace(command, timeout=min(wanted, most)), log.write)
        except CommandTimeout as error:
            less = f"; the sandbox's budget, or the life of a box, covered less than the step's {wanted:g} s"
            raise CommandTimeout(error.message + (less if short else ""), error.hint) from error
        except TimeoutError as error:
            raise CommandTimeout(
                f"the box did not answer within {limit:g} seconds, {GRACE:g} more than the step's timeout"
            ) from error

    async def _results(self, box: Box, step: PlanStep, leg: Leg, cwd: str, output: str) -> Result:
        try:
            outputs.check_size((await box.stat(output)).size)
            raw = await box.read(output)
        except FileMissing:
            raw = b""
        mask = self._journal.mask
        result = Result(outputs=outputs.check(outputs.parse(raw, mask), step.outputs, mask))
        for name, decl in step.outputs.items():
            if decl.artifact is None:
                continue
            collected = await artifacts.collect(box, cwd, decl.artifact, name)
            kept = await asyncio.to_thread(artifacts.keep, self._places.state / "artifacts", collected)
            result.artifacts[name] = kept.digest
            about: dict[str, Json] = {"digest": kept.digest, "bytes": kept.bytes, "files": kept.files}
            about["path"] = str(kept.path)
            announce(self._journal, leg, name, about)
        return result


def announce(journal: Journal, leg: Leg, name: str, about: Mapping[str, Json]) -> str:
    """Write down an artifact that a leg hands on, and return its digest. `about` has `digest`, `bytes` and `files`."""
    told = {part: about[part] for part in ("digest", "bytes", "files")}
    fact = journal.fact("artifact.stored", {"output": name, **told}, leg.key)
    journal.put("artifact", f"{leg.key}/{name}", {"step": leg.key, "output": name, **about}, fact)
    return str(about["digest"])
