"""The boxes of one run in the hands of its legs: shared or fresh as the spec says, renewed, replaced, freed at the end.

A shared box whose time is nearly over, or whose provider refuses to go on, is left for another one: its home folder
is carried over as a tar (`box.moved`).

A box of a volatile provider may end at any moment: with a browser, for example. Before a leg that has ended in such a
box counts as succeeded, its home folder is copied, where a step to come needs it. So nothing that was acknowledged is
lost: the next attempt gets a new box with that copy, at the next candidate if there is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from runner.compiler.canonical import Json
from runner.compiler.plan.choose import volatile
from runner.compiler.plan.model import DEFAULT_SANDBOX, Plan, PlanStep, SandboxPlan
from runner.errors import (
    BoxCrashed,
    BoxError,
    BoxGone,
    BudgetSpent,
    CredentialRefused,
    FilesLost,
    ProviderBlocked,
    ProviderError,
)
from runner.records import dataclass
from runner.run import artifacts
from runner.run.interrupt import uninterrupted
from runner.run.journal import Journal
from runner.run.meter import Meter
from runner.run.policies import Policies
from runner.run.ports import Clock
from runner.run.rejoin import keeping
from runner.run.supply import Held, Supply, Tries, base

#: States of a leg that may still use a box.
_OPEN = ("pending", "ready", "running", "paused")
_LOST_HINT = "Run it again; hand files on as artifacts (outputs: {name: {artifact: …}}) and they outlive the box."


@dataclass(frozen=True, slots=True)
class Lease:
    """A box for one attempt, and the seconds that its command may take there: fewer than the step's timeout where the
    budget, or the life of a box, covers no more. `going_on`: its command is there already, since a process before this
    one.
    """

    held: Held
    seconds: float
    going_on: bool = False


@dataclass(frozen=True, slots=True)
class Copy:
    """The home folder of a shared box at the moment when the last of `succeeded` ended. `placed` was put into it; `box`
    is its id, `reason` why it is gone.
    """

    box: str
    tar: bytes
    succeeded: tuple[str, ...]
    placed: frozenset[str]
    reason: str = ""


class Boxes:
    """Hands boxes to legs."""

    def __init__(
        self, plan: Plan, supply: Supply, journal: Journal, clock: Clock, policies: Policies, meter: Meter
    ) -> None:
        self._plan = plan
        self._supply = supply
        self._journal = journal
        self._clock = clock
        self._policies = policies
        self._meter = meter
        self._locks: dict[str, asyncio.Lock] = {}
        self._shared: dict[str, Held] = {}
        self._lost: dict[str, str] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._tries: dict[str, Tries] = {}
        self._where: dict[str, str] = {}
        self._copies: dict[str, Copy] = {}
        #: The legs whose attempts went on in boxes while no process was there, until they are taken up.
        self.going_on: dict[str, Held] = {}

    @asynccontextmanager
    async def lease(self, step: PlanStep, key: str) -> AsyncIterator[Lease]:
        """A box for one attempt of a leg. A box of scope "step" is freed afterwards.

        Raises FilesLost, ProviderError, BudgetSpent, BoxError; Paused and Stopped where a policy says so.
        """
        sandbox, before = self._plan.sandboxes[step.sandbox or DEFAULT_SANDBOX], self.going_on.pop(key, None)
        if sandbox.scope == "step":
            held = before or self._kept(await self._supply.create(sandbox, self._about(step, key)))
            self._where[key] = held.box.provider
            try:
                with self._watching(held), self._charged(held, key):
                    yield replace(await self._ready(held, step), going_on=before is not None)
            finally:
                await uninterrupted(self._free(held))
            return
        async with self._locks.setdefault(sandbox.name, asyncio.Lock()):
            held = before or await self._common(sandbox, step, key)
            self._where[key] = held.box.provider
            held.users -= before is not None  # it counts anew
            with self._watching(held):
                lease = replace(await self._ready(held, step), going_on=before is not None)
            held.users += 1
        try:
            with self._watching(held), self._charged(held, key):
                yield lease
        finally:
            held.users -= 1
            held.idle.set()

    async def recovers(self, step: PlanStep, key: str, error: BoxError) -> bool:
        """Whether an attempt that failed with this error, in a box, is to be made again: the policies want it, or what
        held the box has crashed and there is another candidate.

        Raises Paused, Stopped, or the error itself, where a policy says so.
        """
        if error.settled or isinstance(error, FilesLost) or key not in self._where:
            return False
        sandbox = self._plan.sandboxes[step.sandbox or DEFAULT_SANDBOX]
        tries = self._about(step, key)
        answer = await self._supply.answer(sandbox, self._where[key], error, tries)
        error.settled = True
        if answer == "" and isinstance(error, BoxCrashed):
            return self._supply.fall(sandbox, self._where[key], error, tries)
        return answer != ""

    async def secure(self, held: Held, step: PlanStep, key: str, folder: Path) -> bytes | None:
        """Copy the files of a box that its provider may lose, before a leg that has ended in it counts as succeeded.
        The copy is kept in the folder of artifacts, and handed back; None where none was needed.

        Raises BoxError: then the attempt has failed, and what it left in the box is not relied upon; StoreError.
        """
        shared = self._shared.get(held.sandbox.name) is held
        if not (shared and volatile(base(held.box.provider)) and self._used_again(held.sandbox.name, step, key)):
            return None
        placed = frozenset(held.placed)
        tar = await held.box.export_tar(held.box.home)
        copy = Copy(held.box.id, tar, (*held.succeeded, key), placed)
        self._copies[held.sandbox.name] = copy
        await self._keep_copy(copy, folder)
        return tar

    async def _keep_copy(self, copy: Copy, folder: Path) -> None:
        """Keep a copy for a process that goes on with the run after this one."""
        kept = await asyncio.to_thread(artifacts.keep, folder, artifacts.Collected(copy.tar, 0))
        about: dict[str, Json] = {"digest": kept.digest, "bytes": kept.bytes, "path": str(kept.path)}
        about |= {"succeeded": [*copy.succeeded], "placed": [*sorted(copy.placed)]}
        self._journal.put("box", copy.box, {"copy": about})

    async def free_all(self) -> list[str]:
        """Free every live box; returns a sentence for each that could not be freed."""
        results = await asyncio.gather(*(self._free(held) for held in list(self._supply.live.values())))
        return [sentence for sentence in results if sentence]

    async def save(self, folder: Path) -> None:
        """Keep the files of shared boxes that steps have succeeded in, in the folder of artifacts: a run is paused."""
        for held in self._shared.values():
            if held.succeeded and (tar := await self._packed(held)) is not None:
                copy = Copy(held.box.id, tar, tuple(held.succeeded), frozenset(held.placed))
                await self._keep_copy(copy, folder)

    def let_go(self, *, all_: bool = True) -> None:
        """Leave boxes alone from now on, alive as they are: they are another process's, or will be. Without `all_` only
        those that hold files of legs which have succeeded. What the store does not know, nobody else will free: it
        stays ours.
        """
        for held in list(self._supply.live.values()):
            wanted = all_ or (self._shared.get(held.sandbox.name) is held and held.succeeded)
            if not (wanted and self._journal.is_written("box", held.box.id)):
                continue
            if (kept := keeping(held.box)) is not None:
                kept.let_go()
            self._leave(held)
            del self._supply.live[held.box.id]

    # ------------------------------------------------------------ after another process

    def adopt(self, held: Held, going_on: Iterable[str] = ()) -> None:
        """Use a box that a process before this one made; `going_on` are the legs whose attempts are still in it."""
        self._kept(held)
        if held.sandbox.scope != "step":
            self._shared[held.sandbox.name] = held
        for key in going_on:
            self.going_on[key] = held
            held.users += 1  # nobody else may replace the box meanwhile

    def begin_with(self, name: str, copy: Copy) -> None:
        """Let the next shared box of a sandbox begin with the files of one that is gone."""
        self._copies[name] = copy

    def give_up(self, name: str, message: str) -> None:
        """The files of legs that succeeded in a sandbox are gone: no leg can use its box any more."""
        self._lost[name] = message

    # ------------------------------------------------------------ one attempt

    def _about(self, step: PlanStep, key: str) -> Tries:
        return self._tries.setdefault(key, Tries(key, step.timeout))

    async def _ready(self, held: Held, step: PlanStep) -> Lease:
        """The lease of a box whose time covers the step, or what is left of it. Raises BudgetSpent, BoxError."""
        now = self._clock.now()
        covered = self._meter.extend(held.bill, step.timeout)
        # A clock that was put back would make the box look young for as long.
        if now < held.since or now > held.since + (held.ends_at - held.since) / 2:
            await self._supply.renew(held)
        return Lease(held, min(covered, held.until - now))

    @contextmanager
    def _charged(self, held: Held, key: str) -> Iterator[None]:
        """What the attempt's time in the box costs is part of what its step costs."""
        began = self._clock.now()
        try:
            yield
        finally:
            spent = held.bill.rate * max(0.0, self._clock.now() - began)
            before = self._journal.document("step", key).get("usd")
            total = spent + (before if isinstance(before, float) else 0.0)
            self._journal.put("step", key, {"usd": round(total, 6)})

    @contextmanager
    def _watching(self, held: Held) -> Iterator[None]:
        """Take note of the box's death: where files of ended steps died with it, raise FilesLost instead.

        A box whose provider fails while it is in use, or whose budget is spent, is left at the next attempt.
        """
        try:
            yield
        except BoxGone as error:
            lost = self._gone(held, error.message)
            if lost is not None:
                raise lost from error
            raise
        except (ProviderError, BudgetSpent) as error:
            held.sick = error
            raise

    def _gone(self, held: Held, message: str) -> FilesLost | None:
        name = held.sandbox.name
        self._leave(held)
        self._supply.lose(held, message)
        if self._shared.get(name) is held:
            del self._shared[name]
            copy = self._copies.get(name)
            if copy is not None and held.succeeded.keys() <= set(copy.succeeded):
                self._copies[name] = replace(copy, reason=message)
            elif held.succeeded:
                steps = ", ".join(held.succeeded)
                self._lost[name] = (
                    f"the box of sandbox {name} died ({message}); the files that {steps} left in it are lost"
                )
        return FilesLost(self._lost[name], _LOST_HINT) if name in self._lost else None

    # ------------------------------------------------------------ shared boxes

    async def _common(self, sandbox: SandboxPlan, step: PlanStep, key: str) -> Held:
        """The box that the steps of a sandbox share, made or replaced where needed."""
        if sandbox.name in self._lost:
            raise FilesLost(self._lost[sandbox.name], _LOST_HINT)
        held, tries = self._shared.get(sandbox.name), self._about(step, key)
        if held is not None:
            reason = await self._reason_to_leave(held, step, tries)
            if not reason:
                return held
            return await self._move(held, reason, tries)
        return await self._fresh(sandbox, tries)

    async def _fresh(self, sandbox: SandboxPlan, tries: Tries) -> Held:
        """A new box for all, with the copy of what was in the last one where that one is gone."""
        copy = self._copies.get(sandbox.name)
        made = self._kept(await self._supply.create(sandbox, tries))
        if copy is not None and copy.reason:
            await self._restore(copy, made, tries)
        self._shared[sandbox.name] = made
        return made

    async def _restore(self, copy: Copy, made: Held, tries: Tries) -> None:
        """Put the files of a box that is gone into the one that takes its place."""
        began = self._clock.now()
        try:
            await made.box.import_tar(made.box.home, copy.tar)
        except BaseException:
            await uninterrupted(self._free(made))
            raise
        made.placed |= copy.placed
        made.succeeded |= dict.fromkeys(copy.succeeded)
        # The new box may be as volatile as the old one: until the next copy this one stays good for it.
        self._copies[made.sandbox.name] = replace(copy, box=made.box.id, reason="")
        self._journal.put("box", made.box.id, {"copy": self._journal.document("box", copy.box)["copy"]})
        about: dict[str, Json] = {"sandbox": made.sandbox.name, "from": copy.box, "to": made.box.id}
        about |= {"bytes": len(copy.tar), "reason": copy.reason}
        about["ms"] = round(max(0.0, self._clock.now() - began) * 1000, 1)
        self._journal.note(self._journal.fact("box.moved", about, tries.key))

    def _used_again(self, name: str, step: PlanStep, key: str) -> bool:
        """Whether a leg that has not ended yet, or another repetition of this one, will use the sandbox's box."""
        if step.repeat is not None:
            return True
        steps = (*self._plan.steps, self._plan.on_failure, self._plan.finally_)
        users = {each.id for each in steps if each is not None and (each.sandbox or DEFAULT_SANDBOX) == name}
        return any(
            each["step"] in users and each["state"] in _OPEN
            for other, each in self._journal.documents("step").items()
            if other != key
        )

    async def _reason_to_leave(self, held: Held, step: PlanStep, tries: Tries) -> str:
        """Why another box takes this one's place before the step, "" when it does not."""
        provider = held.box.provider
        error, held.sick = held.sick, None
        if error is not None:
            answer = "" if error.settled else await self._supply.answer(held.sandbox, provider, error, tries)
            if answer != "again" and self._supply.fall(held.sandbox, provider, error, tries):
                return error.message
        left = held.until - self._clock.now()
        if left < min(step.timeout, self._supply.life(held.sandbox, provider)):
            return f"the box may live only {max(0.0, left):.0f} s more"
        return ""

    async def _move(self, held: Held, reason: str, tries: Tries) -> Held:
        """Carry a box's home folder into a new box, which takes its place. Raises FilesLost where it cannot be read."""
        began = self._clock.now()
        while held.users:
            held.idle.clear()
            await self._policies.control.waiting(held.idle.wait())
        tar = await self._packed(held)
        if tar is None and held.succeeded:
            await uninterrupted(self._free(held))
            lost = self._gone(held, reason)
            if lost is not None:
                raise lost
            return await self._fresh(held.sandbox, tries)
        if tar is not None and self._supply.cramped(held):
            await uninterrupted(self._free(held))
        made = self._kept(await self._supply.create(held.sandbox, tries))
        if tar is not None:
            await made.box.import_tar(made.box.home, tar)
            made.placed |= held.placed
            made.succeeded |= held.succeeded
        self._shared[held.sandbox.name] = made
        about: dict[str, Json] = {"sandbox": held.sandbox.name, "from": held.box.id, "to": made.box.id}
        about |= {"bytes": len(tar or b""), "reason": reason}
        about["ms"] = round(max(0.0, self._clock.now() - began) * 1000, 1)
        self._journal.note(self._journal.fact("box.moved", about, tries.key))
        await uninterrupted(self._free(held))
        return made

    async def _packed(self, held: Held) -> bytes | None:
        try:
            return await held.box.export_tar(held.box.home)
        except BoxError:
            return None

    # ------------------------------------------------------------ leases

    def _kept(self, held: Held) -> Held:
        self._keepers[held.box.id] = asyncio.ensure_future(self._keep(held))
        return held

    async def _keep(self, held: Held) -> None:
        """Renew a box's lease for as long as the run has it; while no step uses it, for as long as its budget lasts."""
        while held.until > self._clock.now():
            await asyncio.sleep((held.ends_at - held.since) / 3)
            if held.sandbox.scope != "step" and not held.users and self._meter.most(held.bill) <= 0:
                self._supply.lapse(held)
                return
            # A box that is gone, or a provider that does not answer, is told to the next step that needs the box.
            with suppress(BoxError), self._watched(held):
                await self._supply.renew(held)

    @contextmanager
    def _watched(self, held: Held) -> Iterator[None]:
        try:
            yield
        except (CredentialRefused, ProviderBlocked) as error:
            held.sick = error

    async def _free(self, held: Held) -> str:
        self._leave(held)
        return await self._supply.free(held)

    def _leave(self, held: Held) -> None:
        keeper = self._keepers.pop(held.box.id, None)
        if keeper is not None:
            keeper.cancel()
