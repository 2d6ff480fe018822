"""Building templates: each step in a box of its own, made of what the steps before have left; a layer comes of it.

Work that was done before is found again by its key, and is not done twice. A build that fails, or that the endpoint's
end interrupts, leaves its layers for the next try, and never half a template.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.embedded.e2b.boxes.box import Box, BoxDead, Order
from runner.embedded.e2b.boxes.bringup import NotReady, bring_up
from runner.embedded.e2b.boxes.within import CallRefused, Words, run, upload
from runner.embedded.e2b.building import bases, steps
from runner.embedded.e2b.building.catalog import Catalog
from runner.embedded.e2b.building.records import BUILDING, Build, Record
from runner.embedded.e2b.building.steps import Progress, Step, StepRefused
from runner.embedded.e2b.templates import Template
from runner.errors import RunnerError
from runner.records import dataclass

#: Builds that run at the same time; others wait.
_AT_ONCE = 2
#: Seconds that one build may take, and that the ready command may.
_LONGEST = 3600.0
_READY = 600.0
_TAIL = 1500
#: What programs say that find no host: apt, curl and git, npm, pip.
_UNFOUND = re.compile(r"resolving|[Cc]ould not resolve|EAI_AGAIN|name resolution")
_OFFLINE = "\nBoxes of this endpoint have no network: serve it with `runner endpoint e2b --egress`."
_LINE = 4000


@dataclass(frozen=True, slots=True)
class Hands:
    """What a build needs of the endpoint: boxes made, ended, their changes kept as a layer in a folder, templates and
    snapshots found by name; why boxes can have no layers, empty where they can; and whether boxes have a way out.
    """

    make: Callable[[Order], Awaitable[Box]]
    end: Callable[[Box], None]
    keep: Callable[[Box, Path], Awaitable[None]]
    find: bases.Find
    unlayered: str = ""
    connected: Callable[[], bool] = lambda: True


class _StepFailed(Exception):
    """A step of a build has failed: `step` is its number from 1, `base` or `finalize`."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(reason)
        self.step = step


class Builder:
    """Runs the builds of an endpoint."""

    def __init__(self, catalog: Catalog, hands: Hands) -> None:
        self._catalog = catalog
        self._hands = hands
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._progress: dict[str, Progress] = {}

    def start(self, record: Record, build: Build, request: Mapping[str, Any]) -> None:
        """Begin a build that was asked for; `request` is the body of the request that starts it."""
        build.status = BUILDING
        task = asyncio.get_running_loop().create_task(self._run(record, build, request))
        self._running[build.id] = task
        task.add_done_callback(lambda _: self._running.pop(build.id, None))

    async def cancel(self, record: Record) -> None:
        """End the running builds of a template; they fail."""
        await _ended([self._running[each] for each in record.builds if each in self._running])

    async def close(self) -> None:
        """End all builds."""
        await _ended(list(self._running.values()))

    async def sweep(self) -> None:
        """Remove the layers that nobody needs any more."""
        await asyncio.to_thread(self._catalog.expire)
        rubbish = self._catalog.set_aside(self._catalog.rubbish(self._progress.values()))
        if rubbish:
            await asyncio.to_thread(self._catalog.discard, rubbish)

    async def _run(self, record: Record, build: Build, request: Mapping[str, Any]) -> None:
        try:
            async with self._turn, asyncio.timeout(_LONGEST):
                template = await self._built(record, build, request)
            build.say("Build finished")
            self._catalog.finish(build, template)
        except _StepFailed as error:
            build.say(str(error), "error", error.step)
            self._catalog.fail(build, str(error), error.step)
        except TimeoutError:
            self._catalog.fail(build, f"the build took longer than {_LONGEST:g} s", "")
        except asyncio.CancelledError:
            self._catalog.fail(build, "the build was cancelled", "")
            raise
        except (OSError, RunnerError, BoxDead) as error:
            self._catalog.fail(build, f"the endpoint could not go on with the build: {error}", "")
        finally:
            self._progress.pop(build.id, None)
            await self.sweep()

    async def _built(self, record: Record, build: Build, request: Mapping[str, Any]) -> Template:
        base = await self._base(build, request)
        try:
            asked = steps.parse(request.get("steps"))
        except StepRefused as error:
            raise _StepFailed("base", str(error)) from error
        work = _Work(self._catalog, self._hands, build, _template(record, build, base))
        progress = _beginning(base)
        force = request.get("force") is True
        for number, step in enumerate(asked, 1):
            self._progress[build.id] = progress
            force = force or step.force
            progress = await work.after(progress, step, number, force=force)
        self._progress[build.id] = progress
        made = replace(
            work.template,
            layers=progress.layers,
            env=progress.env,
            user=progress.user,
            workdir=progress.workdir,
            start_cmd=_text(request, "startCmd") or base.start_cmd,
            ready_cmd=_text(request, "readyCmd") or base.ready_cmd,
        )
        await self._finalized(build, made)
        return made

    async def _base(self, build: Build, request: Mapping[str, Any]) -> Template:
        if self._hands.unlayered:
            raise _StepFailed("base", f"templates cannot be built on this machine: {self._hands.unlayered}")
        machine = await asyncio.to_thread(bases.host)
        try:
            base = bases.choose(request, self._hands.find, self._catalog.templates.names(), machine)
        except bases.NoSuchBase as error:
            raise _StepFailed("base", str(error)) from error
        build.say(f"[base] FROM {request.get('fromImage') or request.get('fromTemplate')}", step="base")
        if base.note:
            build.say(base.note, "warn", "base")
        return base.template

    async def _finalized(self, build: Build, made: Template) -> None:
        """See that boxes of the template come up, before anybody makes one."""
        build.say("[finalize] Checking that a box comes up", step="finalize")
        async with _box(self._hands, replace(made, start_cmd="", ready_cmd="")) as box:
            if not (made.start_cmd or made.ready_cmd):
                return
            if made.ready_cmd:
                build.say(f"Waiting for template to be ready: {made.ready_cmd}", step="finalize")
            try:
                await bring_up(box, made, _READY, lambda text: _say(build, text, "finalize"))
            except NotReady as error:
                raise _StepFailed("finalize", str(error)) from error
            build.say("Template is ready", step="finalize")


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


def _text(request: Mapping[str, Any], name: str) -> str:
    value = request.get(name)
    return value if isinstance(value, str) else ""


def _say(build: Build, text: str, step: str, level: str = "info") -> None:
    for line in text.splitlines():
        if line.strip():
            build.say(line[:_LINE], level, step)


def _template(record: Record, build: Build, base: Template) -> Template:
    return replace(
        base,
        id=record.id,
        names=record.names,
        cpu=build.cpu,
        memory_mb=build.memory_mb,
        disk_mb=max(build.disk_mb, base.disk_mb),
        build=build.id,
    )


def _beginning(base: Template) -> Progress:
    what = [[str(each) for each in base.layers], dict(base.env), base.user, base.workdir]
    key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]
    return Progress(key, base.layers, dict(base.env), base.user, base.workdir)


@asynccontextmanager
async def _box(hands: Hands, template: Template) -> AsyncIterator[Box]:
    box = await hands.make(Order(_LONGEST, template=template, builder=True))
    try:
        yield box
    finally:
        hands.end(box)


class _Work:
    """The steps of one build."""

    def __init__(self, catalog: Catalog, hands: Hands, build: Build, template: Template) -> None:
        self._catalog = catalog
        self._hands = hands
        self._build = build
        self.template = template

    async def after(self, progress: Progress, step: Step, number: int, *, force: bool) -> Progress:
        """What is there once a step has been done, now or before. Raises _StepFailed, OSError, BoxDead."""
        name, key = str(number), progress.after(step)
        # Not in a thread: between finding what was done and needing it nobody may remove it.
        known = None if force else self._catalog.known(key)
        self._build.say(("CACHED " if known else "") + step.title(number), step=name)
        if known is not None:
            return known
        try:
            done = replace(await self._done(progress, step, name, key), key=key)
        except (StepRefused, CallRefused) as error:
            raise _StepFailed(name, str(error)) from error
        await asyncio.to_thread(self._catalog.learn, done)
        return done

    async def _done(self, progress: Progress, step: Step, name: str, key: str) -> Progress:
        match step.kind:
            case "ENV" | "ARG":
                return await self._env(progress, step, name)
            case "RUN":
                words = Words(step.args[0], steps.user_of(step) or progress.user, progress.workdir, progress.env)
                return await self._changed(progress, key, name, words)
            case "COPY":
                return await self._copied(progress, step, name, key)
            case "WORKDIR":
                target = steps.workdir_of(step, progress)
                given = {"TARGET": target, "OWNER": f"{progress.user}:{progress.user}"}
                words = Words(steps.MAKE_WORKDIR, "root", "/", given)
                return replace(await self._changed(progress, key, name, words), workdir=target)
            case _:
                user = steps.user_of(step)
                words = Words(steps.ADD_USER, "root", "/", {"NAME": user})
                return replace(await self._changed(progress, key, name, words), user=user)

    async def _env(self, progress: Progress, step: Step, name: str) -> Progress:
        found = steps.pairs(step)
        if any("$" in value for value in found.values()):
            async with self._boxed(progress) as box:
                for variable, value in found.items():
                    words = Words(steps.expansion(value), "root", "/", progress.env)
                    found[variable] = await self._said(box, words, name, aloud=False)
        return replace(progress, env={**progress.env, **found})

    async def _copied(self, progress: Progress, step: Step, name: str, key: str) -> Progress:
        file = self._catalog.uploads / step.files
        archive = f"/tmp/.{step.files}.tar"  # noqa: S108 - in the box
        given = steps.placement(step, progress, archive)
        words = Words(steps.PLACE, "root", "/", given)
        return await self._changed(progress, key, name, words, file, archive)

    async def _changed(
        self, progress: Progress, key: str, name: str, words: Words, file: Path | None = None, place: str = ""
    ) -> Progress:
        """Run a command, after an upload if there is one, and make a layer of what it has changed."""
        steps.check_depth(progress)
        async with self._boxed(progress) as box:
            if file is not None:
                try:
                    await upload(box, file, place, "root")
                except FileNotFoundError as error:
                    raise StepRefused("the files of this COPY were not uploaded") from error
            await self._said(box, words, name)
            layer = self._catalog.fresh(key)
            await self._hands.keep(box, layer)
        return replace(progress, layers=(*progress.layers, layer))

    def _boxed(self, progress: Progress) -> AbstractAsyncContextManager[Box]:
        return _box(self._hands, replace(self.template, layers=progress.layers, env={}, start_cmd="", ready_cmd=""))

    async def _said(self, box: Box, words: Words, name: str, *, aloud: bool = True) -> str:
        """Run a command to its end; what it said on stdout. Raises _StepFailed when it fails."""
        heard: dict[str, list[str]] = {"stdout": [], "stderr": []}

        def hear(stream: str, piece: bytes) -> None:
            text = piece.decode(errors="replace")
            heard.setdefault(stream, []).append(text)
            if aloud:
                _say(self._build, text, name, "error" if stream == "stderr" else "info")

        try:
            code = await run(box, words, hear)
        except CallRefused as error:
            raise _StepFailed(name, f"failed to run command {words.text!r}: command failed: {error}") from error
        if code != 0:
            tail = ("".join(heard["stderr"]) or "".join(heard["stdout"])).strip()[-_TAIL:]
            hint = _OFFLINE if _UNFOUND.search(tail) and not self._hands.connected() else ""
            raise _StepFailed(name, f"failed to run command: exit status {code}" + (f": {tail}" if tail else "") + hint)
        return "".join(heard["stdout"])
