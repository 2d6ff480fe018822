"""One attempt of one leg: a box, its files, the command, its outputs and artifacts."""

from __future__ import annotations

import asyncio
import posixpath
import shlex
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import field, replace
from pathlib import Path
from typing import cast

from runner.compiler.canonical import Json
from runner.compiler.plan.model import FileCopy, Leg, Plan, PlanStep
from runner.errors import BoxError, CommandFailed, CommandTimeout, FileMissing, RunnerError
from runner.records import dataclass
from runner.run import artifacts, hostfiles, outputs, snapshots
from runner.run.boxes import Boxes, Lease
from runner.run.clock import moment
from runner.run.journal import Journal
from runner.run.output_log import OutputLog
from runner.run.ports import Box, Command, CommandResult, Stream
from runner.run.rejoin import keeping, kept_name, seconds_left
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


@dataclass(frozen=True, slots=True)
class _About:
    """One attempt: of what, its number, its box, what its expressions see, its working folder where it names one."""

    step: PlanStep
    leg: Leg
    number: int
    box: Box
    variables: Mapping[str, Json]
    cwd: str | None

    def kept(self, run: str) -> str:
        """The name by which the box keeps its command."""
        return kept_name(run, self.leg.key, self.number)


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
            cwd = posixpath.join(box.home, rendered(step.cwd, variables)) if step.cwd else None
            about = _About(step, leg, number, box, variables, cwd)
            log = self._log(about)
            try:
                ended = await (self._rejoined if lease.going_on else self._begun)(lease, about, trace, log)
                trace.exit_code = ended.exit_code
            finally:
                trace.log = log.close()
                await self._forget(about)
            log.check()
            if ended.exit_code != 0:
                raise CommandFailed(f"exit code {ended.exit_code}{log.last_words()}")
            result = await self._results(about)
            copy = await self._boxes.secure(held, step, leg.key, self._places.state / "artifacts")
            if self._places.snapshots.keep:
                await snapshots.keep(held, copy, self._journal, leg.key, self._places.state / "artifacts")
            held.succeeded[leg.key] = None
            return result

    async def recovers(self, step: PlanStep, leg: Leg, error: RunnerError) -> bool:
        """Whether the spec's policies want the failed attempt to be made again. Raises what they say instead."""
        return isinstance(error, BoxError) and await self._boxes.recovers(step, leg.key, error)

    def _log(self, about: _About) -> OutputLog:
        which = (self._journal.run, about.leg.key, about.number)
        counted = keeping(about.box) is not None
        return OutputLog(self._journal.mask, self._places.state, which, self._on_text, counted=counted)

    async def _begun(self, lease: Lease, about: _About, trace: Trace, log: OutputLog) -> CommandResult:
        """Run the command of a new attempt."""
        await self._prepare(lease.held, about, log)
        command = await self._command(about)
        self._journal.put("step", about.leg.key, {"began": about.number})
        await self._journal.sync()
        trace.began = True

        def follow(limit: float) -> Awaitable[CommandResult]:
            return about.box.run(replace(command, timeout=limit), log.write)

        return await self._run(follow, about.step.timeout, lease.seconds)

    async def _rejoined(self, lease: Lease, about: _About, trace: Trace, log: OutputLog) -> CommandResult:
        """Go on with the command that a process before this one started."""
        journal, key, kept = self._journal, about.leg.key, keeping(about.box)
        assert kept is not None  # noqa: S101 - it was found there
        trace.began = True
        told = log.take_up()
        data: dict[str, Json] = {"provider": about.box.provider, "box": about.box.id, "told": cast("Json", told)}
        journal.note(journal.fact("step.reattached", data, key, about.number))
        left = seconds_left(journal.document("step", key), about.step.timeout, moment(journal.now()))

        def follow(limit: float) -> Awaitable[CommandResult]:
            return kept.rejoin(about.kept(journal.run), limit, told, log.write)

        return await self._run(follow, left, lease.seconds)

    async def _forget(self, about: _About) -> None:
        """Remove what the box has kept of the output: the log has it all. What cannot be removed ends with the box."""
        if (kept := keeping(about.box)) is not None:
            with suppress(BoxError):
                await kept.forget(about.kept(self._journal.run))

    # ------------------------------------------------------------ before

    async def _prepare(self, held: Held, about: _About, log: OutputLog) -> None:
        step, leg, variables = about.step, about.leg, about.variables
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

    def _mark(self, about: _About) -> str:
        """How files of an attempt are named."""
        step, leg = about.step, about.leg
        return f"{step.id}.{self._values.legs(step).index(leg) if is_many(step) else 0}.{about.number}"

    def _output(self, about: _About) -> str:
        """The path of the attempt's own output file."""
        return posixpath.join(about.box.home, OWN, f"{self._mark(about)}.output")

    async def _command(self, about: _About) -> Command:
        """The command with its whole environment."""
        box, step, leg = about.box, about.step, about.leg
        env = environment(self._plan, step, about.variables) | {
            "RUNNER_OUTPUT": self._output(about),
            "RUNNER_ARTIFACTS": posixpath.join(box.home, ARTIFACTS),
            "RUNNER_RUN": self._journal.run,
            "RUNNER_STEP": leg.key,
            "RUNNER_ATTEMPT": str(about.number),
        }
        # A line that fails fails the step, as people expect of a list of commands; on one line, so that the shell's
        # own line numbers stay those of the spec.
        text = "set -e; " + str(step.action.get("command", ""))
        if step.kind == "script":
            program, suffix = _INTERPRETERS[str(step.action["language"])]
            path = posixpath.join(box.home, OWN, f"{self._mark(about)}.{suffix}")
            await box.write(path, str(step.action["code"]).encode())
            text = f"{program} {shlex.quote(path)}"
        stdin = rendered(step.stdin, about.variables).encode() if step.stdin is not None else None
        keep = about.kept(self._journal.run) if keeping(box) is not None else ""
        return Command(text, env=env, cwd=about.cwd, stdin=stdin, timeout=step.timeout, keep=keep)

    # ------------------------------------------------------------ during and after

    async def _run(
        self, follow: Callable[[float], Awaitable[CommandResult]], wanted: float, most: float
    ) -> CommandResult:
        """Follow the step's command for `wanted` seconds, or for `most` where these are fewer."""
        short = most < wanted
        limit = min(wanted, most) + GRACE
        try:
            async with asyncio.timeout(limit):
                return await follow(min(wanted, most))
        except CommandTimeout as error:
            less = f"; the sandbox's budget, or the life of a box, covered less than the step's {wanted:g} s"
            raise CommandTimeout(error.message + (less if short else ""), error.hint) from error
        except TimeoutError as error:
            raise CommandTimeout(
                f"the box did not answer within {limit:g} seconds, {GRACE:g} more than the step's timeout"
            ) from error

    async def _results(self, about: _About) -> Result:
        box, step, output = about.box, about.step, self._output(about)
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
            collected = await artifacts.collect(box, about.cwd or box.home, decl.artifact, name)
            kept = await asyncio.to_thread(artifacts.keep, self._places.state / "artifacts", collected)
            result.artifacts[name] = kept.digest
            told: dict[str, Json] = {"digest": kept.digest, "bytes": kept.bytes, "files": kept.files}
            told["path"] = str(kept.path)
            announce(self._journal, about.leg, name, told)
        return result


def announce(journal: Journal, leg: Leg, name: str, about: Mapping[str, Json]) -> str:
    """Write down an artifact that a leg hands on, and return its digest. `about` has `digest`, `bytes` and `files`."""
    told = {part: about[part] for part in ("digest", "bytes", "files")}
    fact = journal.fact("artifact.stored", {"output": name, **told}, leg.key)
    journal.put("artifact", f"{leg.key}/{name}", {"step": leg.key, "output": name, **about}, fact)
    return str(about["digest"])
