"""From a sandbox's need to a live box, and back: candidates in turn, limits kept, failures answered, costs counted.

A provider that fails is replaced by the next candidate (`sandbox.fallback`), unless a policy of the spec says something
else. A box's time to live is a short lease that its run renews: what nobody renews ends by itself.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import field, replace
from typing import Literal

from runner.compiler.canonical import Json, canonical
from runner.compiler.plan.choose import Fact, allocated, choose, provider_names, title_of, usd_per_second
from runner.compiler.plan.model import DEFAULT_SANDBOX, Candidate, Plan, SandboxPlan
from runner.errors import BoxError, BoxGone, BudgetSpent, ProviderError, QuotaExhausted, SessionTooLong
from runner.records import dataclass
from runner.run import owner
from runner.run.event import EventDraft
from runner.run.gate import Gate, Gates, Place
from runner.run.interrupt import uninterrupted
from runner.run.journal import Journal
from runner.run.live import LiveBox, LiveBoxes
from runner.run.meter import Bill, Meter
from runner.run.policies import FAILURES, Policies, Policy
from runner.run.ports import Box, BoxRequest, Clock, Sandbox

#: Decides at run time, with live facts, for steps of at most so many seconds: every candidate with its reason, accepted
#: ones in the order of preference.
Chooser = Callable[[SandboxPlan, float], tuple[Candidate, ...]]

#: By this label runner knows its own boxes among all of an account.
MINE: Mapping[str, str] = {"runner": "1"}
#: Seconds that a box lives when nobody renews its lease.
LEASE = 900.0
#: Seconds that freeing one box may take before it is left to its lease.
KILL_TIMEOUT = 20.0
#: Seconds that a provider which refuses for too many requests is asked again before its refusal counts as a failure.
PATIENCE = 600.0
#: The first and the longest delay of a policy that waits, where the provider names none.
_FIRST, _LONGEST = 0.5, 5.0


def base(provider: str) -> str:
    """The provider in the capability tables: one endpoint of several is called `provider@endpoint`."""
    return provider.partition("@")[0]


def chooser(facts: Mapping[str, Fact]) -> Chooser:
    """The plan's decision, looked at again with what is known of the providers' endpoints right now."""

    def again(sandbox: SandboxPlan, longest: float) -> tuple[Candidate, ...]:
        found: list[Candidate] = []
        for each in sandbox.candidates:
            endpoints = [name for name in facts if base(name) == each.provider] if each.accepted else []
            found += [_verdict(sandbox, name, facts[name], longest) for name in endpoints] or [each]
        return tuple(found)

    return again


def _verdict(sandbox: SandboxPlan, endpoint: str, fact: Fact, longest: float) -> Candidate:
    name = base(endpoint)
    verdict = replace(choose(sandbox.needs, [name], {name: fact})[0], provider=endpoint)
    session = fact.account.session
    if verdict.accepted and session is not None and longest > session:
        plan = f" on the plan {fact.account.plan}" if fact.account.plan else ""
        about = f"{title_of(name)}: a step may take {longest:g} s, and a box lives {session:g} s at most{plan}"
        return replace(
            verdict, accepted=False, reason=f"{about}; give the step a shorter `timeout`, or take a larger plan"
        )
    return verdict


@dataclass(frozen=True, slots=True)
class Market:
    """What the runs of a family make boxes with: adapters by endpoint, what is known of these, their gates; and who
    hears of the boxes.
    """

    providers: Mapping[str, Sandbox]
    facts: Mapping[str, Fact]
    gates: Gates
    live: LiveBoxes = field(default_factory=LiveBoxes)


@dataclass(slots=True, eq=False)
class Held:
    """A live box of this run. `succeeded` are the legs whose files may be in it; `placed` what was put into it.

    Its lease counts from `since` and ends at `ends_at`, on this machine's clock; at `until` it must end. `sick` is why
    its provider may not be asked for more; `users` are the attempts in it.
    """

    box: Box
    sandbox: SandboxPlan
    bill: Bill
    gate: Gate
    place: Place
    since: float
    ends_at: float
    until: float = math.inf
    succeeded: dict[str, None] = field(default_factory=dict)
    placed: set[str] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    sick: ProviderError | BudgetSpent | None = None
    users: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    sizing: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Tries:
    """What was done about one leg's failures so far: seconds waited by policy, sentences told, the switch under way."""

    key: str
    seconds: float
    waited: dict[str, float] = field(default_factory=dict)
    count: int = 0
    told: set[str] = field(default_factory=set)
    refused_at: float | None = None
    switch: Switch | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """A provider failed at a moment, and another takes over."""

    old: str
    new: str
    error: BoxError
    at: float


Answer = Literal["", "again", "fallback"]


class Supply:
    """Makes and frees the boxes of one run."""

    def __init__(
        self, plan: Plan, market: Market, journal: Journal, clock: Clock, policies: Policies, meter: Meter
    ) -> None:
        self._plan = plan
        self._market = market
        self._decide = chooser(market.facts)
        self._journal = journal
        self._clock = clock
        self._policies = policies
        self._meter = meter
        self._choices: dict[str, list[Candidate]] = {}
        self._sessions: dict[str, float] = {}
        self.live: dict[str, Held] = {}

    async def create(self, sandbox: SandboxPlan, tries: Tries) -> Held:
        """Make a box with the first candidate whose provider works.

        Raises the last one's ProviderError, BudgetSpent, BoxError; Paused and Stopped where a policy says so.
        """
        try:
            while True:
                provider = self._candidates(sandbox)[0].provider
                try:
                    held = await self._make(sandbox, provider, tries)
                except (ProviderError, BudgetSpent) as error:
                    self._told(sandbox, tries)
                    answer = await self.answer(sandbox, provider, error, tries)
                    if not answer and (
                        isinstance(error, BudgetSpent) or not self.fall(sandbox, provider, error, tries)
                    ):
                        error.settled = True
                        self._choices[sandbox.name] = []
                        raise
                else:
                    self._told(sandbox, tries, ready=True)
                    return held
        finally:
            self._told(sandbox, tries)

    # ------------------------------------------------------------ failures

    async def answer(self, sandbox: SandboxPlan, provider: str, error: BoxError, tries: Tries) -> Answer:
        """What the policies make of a failure: "" when none helps. Raises Paused, Stopped, or the error itself."""
        for policy in self._policies.about(error):
            if policy.do == "wait":
                if await self._waited(policy, error, tries):
                    return "again"
            elif policy.do == "fallback":
                if self.fall(sandbox, provider, error, tries, policy):
                    return "fallback"
            else:
                self._policies.apply(policy, error, tries.key)
        return ""

    def fall(
        self, sandbox: SandboxPlan, provider: str, error: BoxError, tries: Tries, policy: Policy | None = None
    ) -> bool:
        """Turn to the next candidate; False when there is none."""
        candidates = self._candidates(sandbox)
        # Another leg may have moved on from this provider while we waited for its answer.
        if candidates[0].provider == provider:
            if len(candidates) == 1:
                return False
            del candidates[0]
            tries.switch = Switch(provider, candidates[0].provider, error, self._clock.now())
            if policy is not None:
                self._policies.tell(policy, error.message, tries.key, to=candidates[0].provider)
        return True

    async def _waited(self, policy: Policy, error: BoxError, tries: Tries) -> bool:
        most = tries.seconds if policy.most is None else policy.most
        waited = tries.waited.get(policy.id, 0.0)
        if waited >= most:
            return False
        wanted = getattr(error, "retry_after", None)
        delay = min(_FIRST * 2.0 ** min(tries.count, 8), _LONGEST) if wanted is None else max(wanted, _FIRST)
        delay = min(delay, most - waited)
        tries.count += 1
        tries.waited[policy.id] = waited + delay
        self._policies.tell(policy, error.message, tries.key, delay=delay)
        self._waits(tries, error.message)
        await self._policies.control.waiting(self._clock.sleep(delay))
        return True

    def _told(self, sandbox: SandboxPlan, tries: Tries, *, ready: bool = False) -> None:
        """Write down the switch under way, when its new box is ready or cannot be had."""
        switch, tries.switch = tries.switch, None
        if switch is None:
            return
        error = switch.error
        about: dict[str, Json] = {"sandbox": sandbox.name, "from": switch.old, "to": switch.new}
        about |= {"reason": error.message, "error": type(error).__name__}
        about |= {"class": next(name for name, kind in FAILURES.items() if isinstance(error, kind)).partition(".")[2]}
        if (after := getattr(error, "retry_after", None)) is not None:
            about["retry_after"] = after
        if ready:
            about["switch_ms"] = round(max(0.0, self._clock.now() - switch.at) * 1000, 1)
        self._journal.note(self._journal.fact("sandbox.fallback", about, tries.key))

    def _waits(self, tries: Tries, reason: str) -> None:
        if reason not in tries.told:
            tries.told.add(reason)
            self._journal.note(self._journal.fact("step.waiting", {"reason": reason}, tries.key))

    # ------------------------------------------------------------ candidates

    def _candidates(self, sandbox: SandboxPlan) -> list[Candidate]:
        """The accepted candidates left for this sandbox; the choice itself is made, and told, once.

        There is at least one: `support.refuse_unservable` saw to it before the run.
        """
        if not self._choices.get(sandbox.name):
            told = sandbox.name in self._choices
            all_ = self._decide(sandbox, longest(self._plan, sandbox.name))
            accepted = [each for each in all_ if each.accepted and each.provider in self._market.providers]
            if not told:
                listed: list[Json] = [
                    {"provider": each.provider, "accepted": each.accepted, "reason": each.reason} for each in all_
                ]
                about: dict[str, Json] = {"sandbox": sandbox.name, "provider": accepted[0].provider}
                about["candidates"] = listed
                self._journal.note(self._journal.fact("sandbox.chosen", about))
            self._choices[sandbox.name] = accepted
        return self._choices[sandbox.name]

    def life(self, sandbox: SandboxPlan, provider: str) -> float:
        """Seconds that a new box lives at most: by the sandbox's `timeout`, its provider, what was learned of it."""
        fact = self._market.facts.get(provider)
        session = fact.account.session if fact else None
        known = [each for each in (session, self._sessions.get(provider)) if each is not None]
        return min([self._meter.life(sandbox.name), *known])

    def rate(self, sandbox: SandboxPlan, provider: str) -> float:
        """US dollars that a second of a box costs."""
        name, fact = base(provider), self._market.facts.get(provider)
        if (fact and fact.free) or name not in provider_names():
            return 0.0
        return usd_per_second(name, *allocated(sandbox.needs, name))

    # ------------------------------------------------------------ making

    async def _make(self, sandbox: SandboxPlan, provider: str, tries: Tries) -> Held:
        """Reserve the box's worst case, and ask for it. What was reserved is given back when no box comes of it."""

        def tell(reason: str) -> None:
            self._waits(tries, reason)

        wanted, rate = min(tries.seconds, self.life(sandbox, provider)), self.rate(sandbox, provider)
        reserving = self._meter.reserve(sandbox.name, rate, wanted, tell, passing=sandbox.scope == "step")
        bill = await self._policies.control.waiting(reserving, self._meter.cancel)
        try:
            return await self._in_line(sandbox, provider, tries, bill)
        finally:
            if bill not in [held.bill for held in self.live.values()]:
                self._meter.cancel(bill)

    async def _in_line(self, sandbox: SandboxPlan, provider: str, tries: Tries, bill: Bill) -> Held:
        """Wait at the provider's gate, and ask, until it answers with a box or a failure."""

        def tell(reason: str) -> None:
            self._waits(tries, reason)

        gate, passing = self._market.gates.of(provider), sandbox.scope == "step"
        patient = all(policy.do == "notify" for policy in self._policies.about(QuotaExhausted("")))
        while True:
            entering = gate.enter(tell, passing=passing, patient=patient)
            place = await self._policies.control.waiting(entering, gate.leave)
            try:
                with gate.asking(place):
                    return await self._ask(sandbox, provider, tries, _Terms(bill, gate, place))
            except QuotaExhausted as error:
                if not (gate.refused(place, error) and patient and self._hopeful(tries)):
                    raise
                tell(error.message)
            except SessionTooLong as error:
                if error.limit is None or error.limit >= self.life(sandbox, provider):
                    raise
                self._sessions[provider] = error.limit

    def _hopeful(self, tries: Tries) -> bool:
        """Whether a provider that refuses for too many requests may still come round."""
        now = self._clock.now()
        tries.refused_at = now if tries.refused_at is None else tries.refused_at
        return now - tries.refused_at < PATIENCE

    async def _ask(self, sandbox: SandboxPlan, provider: str, tries: Tries, terms: _Terms) -> Held:
        life = self.life(sandbox, provider)
        ttl = max(1.0, min(LEASE, life, self._meter.most(terms.bill)))
        labels = {**MINE, "run": self._journal.run, "sandbox": sandbox.name, "owner": _owner()}
        request = BoxRequest(needs=sandbox.needs, timeout=ttl, labels=labels)
        making = asyncio.ensure_future(self._market.providers[provider].create(request))
        try:
            box = await asyncio.shield(making)
        except asyncio.CancelledError:
            # The provider may be about to answer: wait for the box, so that it is freed and not forgotten.
            with suppress(asyncio.CancelledError):
                await uninterrupted(asyncio.wait({making}, timeout=KILL_TIMEOUT))
            if making.done() and not making.cancelled() and making.exception() is None:
                # Nobody will use it: it may not keep its place, or the rest of a budget, from those who wait.
                await uninterrupted(self.free(self._record(making.result(), sandbox, tries.key, terms, (ttl, life))))
            making.cancel()
            raise
        return self._record(box, sandbox, tries.key, terms, (ttl, life))

    # ------------------------------------------------------------ after another process

    @property
    def providers(self) -> Iterable[Sandbox]:
        """Whoever a process before this one may have had boxes from."""
        return self._market.providers.values()

    async def connect(self, box: str, provider: str) -> Box:
        """A box that a process before this one made. Raises BoxError."""
        sandbox = self._market.providers.get(provider)
        if sandbox is None:
            raise BoxGone(f"nothing knows its provider {provider} now")
        return await sandbox.connect(box)

    def adopt(self, box: Box, sandbox: SandboxPlan, since: float, succeeded: Iterable[str]) -> Held:
        """Hold a shared box that a process before this one made at the moment `since`, and write it down.

        Its lease is over for all that is known: whoever uses it renews it first.
        """
        now, gate = self._clock.now(), self._market.gates.of(box.provider)
        bill = self._meter.adopt(sandbox.name, self.rate(sandbox, box.provider), since)
        until = since + self.life(sandbox, box.provider)
        held = Held(box, sandbox, bill, gate, gate.admit(), now - 1, now, until)
        held.succeeded |= dict.fromkeys(succeeded)
        self.live[box.id] = held
        self._journal.note(self._journal.fact("box.found", self.about(held)))
        self._market.live.enter(LiveBox(self._journal.run, sandbox.name, box, self._tell))
        return held

    def _record(self, box: Box, sandbox: SandboxPlan, key: str, terms: _Terms, times: tuple[float, float]) -> Held:
        now, bill = self._clock.now(), terms.bill
        bill.begin(now)
        terms.gate.keep(terms.place)
        held = Held(box, sandbox, bill, terms.gate, terms.place, now, now + times[0], now + times[1])
        self.live[box.id] = held
        document: dict[str, Json] = {
            "provider": box.provider,
            "sandbox": sandbox.name,
            "state": "live",
            "created_at": self._journal.now(),
            "ended_at": None,
            "free": bill.rate == 0,
        }
        if box.desktop is not None:
            # With these, and the box's id, a later process finds it again; its key stays in the box.
            document["desktop"] = {"display": box.desktop.display, "port": box.desktop.port}
        # A shared box belongs to no leg, whichever came first.
        leg = key if sandbox.scope == "step" else None
        self._journal.put("box", box.id, document, self._journal.fact("box.created", self.about(held), leg))
        self._market.live.enter(LiveBox(self._journal.run, sandbox.name, box, self._tell))
        if bill.rate:
            held.sizing = asyncio.ensure_future(self._size(held))
        return held

    def _tell(self, type_: str, data: Mapping[str, Json]) -> None:
        self._journal.note(self._journal.fact(type_, data))

    async def _size(self, held: Held) -> None:
        """Count with what the box was really given, as soon as its provider tells."""
        with suppress(BoxError):
            info = await held.box.info()
            held.bill.rate = usd_per_second(base(held.box.provider), info.cpu, info.memory_mb)
            self._journal.put("box", held.box.id, {"cpu": info.cpu, "memory_mb": info.memory_mb})

    # ------------------------------------------------------------ living and ending

    def about(self, held: Held) -> dict[str, Json]:
        """What events tell of a box."""
        return {"sandbox": held.sandbox.name, "provider": held.box.provider, "box": held.box.id}

    async def renew(self, held: Held) -> None:
        """Begin a new lease: a short one, never beyond what the box may live and its budget covers. Raises BoxError."""
        now = self._clock.now()
        ttl = max(1.0, min(LEASE, held.until - now, self._meter.most(held.bill)))
        try:
            await held.box.set_timeout(ttl)
        except SessionTooLong as error:
            if error.limit is None:
                raise
            self._sessions[held.box.provider] = error.limit
            held.until = min(held.until, held.bill.since + error.limit)
        else:
            held.since, held.ends_at = now, now + ttl

    def cramped(self, held: Held) -> bool:
        """Whether its sandbox gets no other box as long as this one lives: the account is full."""
        return held.gate.stuck and self._candidates(held.sandbox)[0].provider == held.box.provider

    async def free(self, held: Held) -> str:
        """Kill a box; "" or the sentence that says why it may still live."""
        if self.live.pop(held.box.id, None) is None:
            return ""
        self._market.live.leave(held.box.id)
        try:
            async with asyncio.timeout(KILL_TIMEOUT):
                await held.box.kill()
        except (BoxError, TimeoutError) as error:
            reason = error.message if isinstance(error, BoxError) else "no answer"
            self._end(held, "left", "box.left", {"reason": reason})
            return f"box {held.box.id} could not be freed ({reason}); it ends by itself when its lease is over"
        self._end(held, "killed", "box.killed", {})
        return ""

    def lapse(self, held: Held) -> None:
        """A box's lease is not renewed any more: nothing more is charged."""
        self._meter.close(held.bill)
        held.gate.leave(held.place)

    def lose(self, held: Held, message: str) -> None:
        """A box is gone by itself. Twice is fine."""
        if self.live.pop(held.box.id, None) is not None:
            self._market.live.leave(held.box.id)
            self._end(held, "gone", "box.killed", {"reason": f"gone: {message}"})

    def _end(self, held: Held, state: str, event: str, more: dict[str, Json]) -> None:
        if held.sizing is not None:
            held.sizing.cancel()
        self._meter.close(held.bill)
        held.gate.leave(held.place)
        now = self._clock.now()
        cost: dict[str, Json] = {"usd": round(held.bill.usd(now), 6), "seconds": round(held.bill.seconds(now), 3)}
        cost["free"] = held.bill.rate == 0
        fact: EventDraft = self._journal.fact(event, {**self.about(held), **cost, **more})
        ended = None if state == "left" else self._journal.now()
        self._journal.put("box", held.box.id, {"state": state, "ended_at": ended, **cost}, fact)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a box is made under: its bill, and its place at the provider's gate."""

    bill: Bill
    gate: Gate
    place: Place


def _owner() -> str:
    return canonical(owner.label()).decode()


def longest(plan: Plan, name: str) -> float:
    """The longest timeout of the steps in a sandbox."""
    ends = [step for step in (plan.on_failure, plan.finally_) if step is not None]
    steps = (step for step in (*plan.steps, *ends) if step.kind != "workflow")
    mine = (step.timeout for step in steps if (step.sandbox or DEFAULT_SANDBOX) == name)
    return max(mine, default=0.0)
