"""The boxes of one run: made when first needed, shared or fresh as the spec says, and all freed at the end.

A provider that fails is replaced by the next candidate of the plan (`sandbox.fallback`). A box's time to live
always covers the longest step of its sandbox; it is extended as steps start, and while the run is busy elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import field

from runner.compiler.canonical import Json
from runner.compiler.plan.choose import Fact, choose
from runner.compiler.plan.model import DEFAULT_SANDBOX, Candidate, Plan, PlanStep, SandboxPlan
from runner.errors import BoxError, BoxGone, FilesLost, ProviderError
from runner.records import dataclass
from runner.run.event import EventDraft
from runner.run.interrupt import uninterrupted
from runner.run.journal import Journal
from runner.run.ports import Box, BoxRequest, Clock, Sandbox

#: Decides at run time, with live facts: every candidate with its reason, accepted ones in the order of preference.
Chooser = Callable[[SandboxPlan], tuple[Candidate, ...]]

#: Seconds a box outlives the step it was last extended for: copying files, reading outputs.
SLACK = 300.0
_LOST_HINT = "Run it again; hand files on as artifacts (outputs: {name: {artifact: …}}) and they outlive the box."
#: Seconds that freeing one box may take before it is left to its time to live.
KILL_TIMEOUT = 20.0


def chooser(facts: Mapping[str, Fact]) -> Chooser:
    """The plan's decision, looked at again with what is known of the providers right now."""

    def again(sandbox: SandboxPlan) -> tuple[Candidate, ...]:
        return tuple(
            choose(sandbox.needs, [each.provider], facts)[0] if each.accepted and each.provider in facts else each
            for each in sandbox.candidates
        )

    return again


@dataclass(slots=True, eq=False)
class Held:
    """A live box of this run. `succeeded` are the legs whose files may be in it; `placed` what was put into it.

    Its time to live was counted from `since` and ends at `ends_at`, on this machine's clock.
    """

    box: Box
    sandbox: SandboxPlan
    since: float
    ends_at: float
    succeeded: dict[str, None] = field(default_factory=dict)
    placed: set[str] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Boxes:
    """Hands boxes to legs. `providers` maps a provider's name to its adapter."""

    def __init__(
        self, plan: Plan, providers: Mapping[str, Sandbox], decide: Chooser, journal: Journal, clock: Clock
    ) -> None:
        self._plan = plan
        self._providers = providers
        self._decide = decide
        self._journal = journal
        self._clock = clock
        self._locks: dict[str, asyncio.Lock] = {}
        self._shared: dict[str, Held] = {}
        self._lost: dict[str, str] = {}
        self._choices: dict[str, list[Candidate]] = {}
        self._live: dict[str, Held] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}

    @asynccontextmanager
    async def lease(self, step: PlanStep, key: str) -> AsyncIterator[Held]:
        """A box for one attempt of a leg. A box of scope "step" is freed afterwards.

        Raises FilesLost, ProviderError, BoxError.
        """
        sandbox = self._plan.sandboxes[step.sandbox or DEFAULT_SANDBOX]
        if sandbox.scope == "step":
            held = await self._create(sandbox, key)
            try:
                with self._watching(held):
                    yield held
            finally:
                await uninterrupted(self._free(held))
            return
        async with self._locks.setdefault(sandbox.name, asyncio.Lock()):
            if sandbox.name in self._lost:
                raise FilesLost(self._lost[sandbox.name], _LOST_HINT)
            if sandbox.name not in self._shared:
                made = self._shared[sandbox.name] = await self._create(sandbox, None)
                self._keepers[made.box.id] = asyncio.ensure_future(self._keep(made))
            held = self._shared[sandbox.name]
            with self._watching(held):
                await self._extend(held, step.timeout)
        with self._watching(held):
            yield held

    @contextmanager
    def _watching(self, held: Held) -> Iterator[None]:
        """Take note of the box's death: where files of ended steps died with it, raise FilesLost instead."""
        try:
            yield
        except BoxGone as error:
            lost = self._gone(held, error.message)
            if lost is not None:
                raise lost from error
            raise

    def _gone(self, held: Held, message: str) -> FilesLost | None:
        name = held.sandbox.name
        self._live.pop(held.box.id, None)
        self._leave(held)
        if self._journal.document("box", held.box.id)["state"] == "live":
            fact = self._journal.fact("box.killed", {**self._about(held), "reason": f"gone: {message}"})
            self._end(held, "gone", fact)
        if self._shared.get(name) is held:
            del self._shared[name]
            if held.succeeded:
                steps = ", ".join(held.succeeded)
                self._lost[name] = (
                    f"the box of sandbox {name} died ({message}); the files that {steps} left in it are lost"
                )
        return FilesLost(self._lost[name], _LOST_HINT) if name in self._lost else None

    async def free_all(self) -> list[str]:
        """Free every live box; returns a sentence for each that could not be freed."""
        results = await asyncio.gather(*(self._free(held) for held in list(self._live.values())))
        return [sentence for sentence in results if sentence]

    # ------------------------------------------------------------ inside

    def _about(self, held: Held) -> dict[str, Json]:
        return {"sandbox": held.sandbox.name, "provider": held.box.provider, "box": held.box.id}

    def _candidates(self, sandbox: SandboxPlan) -> list[Candidate]:
        """The accepted candidates left for this sandbox; the choice itself is made, and told, once.

        There is at least one: `support.refuse_unservable` saw to it before the run.
        """
        if not self._choices.get(sandbox.name):
            told = sandbox.name in self._choices
            all_ = self._decide(sandbox)
            accepted = [each for each in all_ if each.accepted and each.provider in self._providers]
            if not told:
                listed: list[Json] = [
                    {"provider": each.provider, "accepted": each.accepted, "reason": each.reason} for each in all_
                ]
                about: dict[str, Json] = {"sandbox": sandbox.name, "provider": accepted[0].provider}
                about["candidates"] = listed
                self._journal.note(self._journal.fact("sandbox.chosen", about))
            self._choices[sandbox.name] = accepted
        return self._choices[sandbox.name]

    async def _create(self, sandbox: SandboxPlan, key: str | None) -> Held:
        """Make a box with the first candidate whose provider works. Raises the last one's ProviderError."""
        while True:
            candidates = self._candidates(sandbox)
            provider = candidates[0].provider
            try:
                return await self._make(sandbox, provider, key)
            except ProviderError as error:
                # Another leg may have moved on from this provider while we waited for its answer.
                if candidates and candidates[0].provider == provider:
                    del candidates[0]
                    if not candidates:
                        raise
                    following = candidates[0].provider
                    about: dict[str, Json] = {"sandbox": sandbox.name, "from": provider, "to": following}
                    about |= {"reason": error.message, "error": type(error).__name__}
                    self._journal.note(self._journal.fact("sandbox.fallback", about))

    async def _make(self, sandbox: SandboxPlan, provider: str, key: str | None) -> Held:
        ttl = self._longest(sandbox.name) + 2 * SLACK
        labels = {"run": self._journal.run, "sandbox": sandbox.name}
        making = asyncio.ensure_future(
            self._providers[provider].create(BoxRequest(needs=sandbox.needs, timeout=ttl, labels=labels))
        )
        try:
            box = await asyncio.shield(making)
        except asyncio.CancelledError:
            # The provider may be about to answer: wait for the box, so that it is freed and not forgotten.
            with suppress(asyncio.CancelledError):
                await uninterrupted(asyncio.wait({making}, timeout=KILL_TIMEOUT))
            if making.done() and not making.cancelled() and making.exception() is None:
                self._record(making.result(), sandbox, ttl, key)
            making.cancel()
            raise
        return self._record(box, sandbox, ttl, key)

    def _record(self, box: Box, sandbox: SandboxPlan, ttl: float, key: str | None) -> Held:
        now = self._clock.now()
        held = Held(box, sandbox, now, now + ttl)
        self._live[box.id] = held
        document: dict[str, Json] = {
            "provider": box.provider,
            "sandbox": sandbox.name,
            "state": "live",
            "created_at": self._journal.now(),
            "ended_at": None,
        }
        self._journal.put("box", box.id, document, self._journal.fact("box.created", self._about(held), key))
        return held

    def _longest(self, name: str) -> float:
        plan = self._plan
        ends = [step for step in (plan.on_failure, plan.finally_) if step is not None]
        steps = (step for step in (*plan.steps, *ends) if step.kind != "workflow")
        mine = (step.timeout for step in steps if (step.sandbox or DEFAULT_SANDBOX) == name)
        return max(mine, default=0.0)

    async def _keep(self, held: Held) -> None:
        """Extend a shared box while no step starts in it: a delay, a run below or a group may outlast it."""
        while True:
            await asyncio.sleep((held.ends_at - held.since) / 2)
            # A box that is gone, or a provider that does not answer, is told to the next step that needs the box.
            with suppress(BoxError):
                await self._extend(held, held.ends_at - held.since - SLACK)

    async def _extend(self, held: Held, seconds: float) -> None:
        now = self._clock.now()
        # A clock that was put back would make the box look young for as long.
        if now < held.since or now + seconds + SLACK > held.ends_at:
            ttl = self._longest(held.sandbox.name) + 2 * SLACK
            await held.box.set_timeout(ttl)
            held.since, held.ends_at = now, now + ttl

    async def _free(self, held: Held) -> str:
        """Kill a box; "" or the sentence that says why it may still live."""
        self._leave(held)
        if self._live.pop(held.box.id, None) is None:
            return ""
        try:
            async with asyncio.timeout(KILL_TIMEOUT):
                await held.box.kill()
        except (BoxError, TimeoutError) as error:
            reason = error.message if isinstance(error, BoxError) else "no answer"
            fact = self._journal.fact("box.left", {**self._about(held), "reason": reason})
            self._journal.put("box", held.box.id, {"state": "left"}, fact)
            return f"box {held.box.id} could not be freed ({reason}); it ends by itself when its time is over"
        self._end(held, "killed", self._journal.fact("box.killed", self._about(held)))
        return ""

    def _leave(self, held: Held) -> None:
        keeper = self._keepers.pop(held.box.id, None)
        if keeper is not None:
            keeper.cancel()

    def _end(self, held: Held, state: str, fact: EventDraft) -> None:
        self._journal.put("box", held.box.id, {"state": state, "ended_at": self._journal.now()}, fact)
