"""The policies of a spec while its run goes on: what is done when something holds, or happens.

`on: sandbox.quota` and its like are failures of providers: `fallback` and `wait` are for these, and the policies that
name one are asked in the order of the spec. `on` with the type of an event acts after that event, `when` after each
event and every second. docs/runs.md has the table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

from runner.compiler.canonical import Json
from runner.compiler.expressions import evaluate
from runner.compiler.plan.model import Plan
from runner.compiler.spec.units import seconds
from runner.errors import (
    BoxError,
    BoxGone,
    BudgetSpent,
    CredentialRefused,
    ExpressionFailed,
    NoCapacity,
    ProviderBlocked,
    ProviderOffline,
    QuotaExhausted,
)
from runner.records import dataclass
from runner.run.event import Event, EventDraft
from runner.run.interrupt import Control, Paused, Stopped
from runner.run.journal import Journal

#: What a policy may wait for beside the events of a run: the failures of providers and boxes, by what they are here.
FAILURES: Mapping[str, type[BoxError]] = {
    "sandbox.quota": QuotaExhausted,
    "sandbox.blocked": ProviderBlocked,
    "sandbox.auth": CredentialRefused,
    "sandbox.capacity": NoCapacity,
    "sandbox.offline": ProviderOffline,
    "sandbox.gone": BoxGone,
    "sandbox.budget": BudgetSpent,
}
#: Seconds between two looks at the conditions.
TICK = 1.0


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy: `on` an event or `when` a condition holds, and what to do then. `wait` waits `most` seconds in all,
    without it as long as the step that wants the box may run.
    """

    id: str
    on: str
    when: str
    do: str
    most: float | None = None


def declared(plan: Plan) -> list[Policy]:
    """The policies of the plan, in the order of the spec."""
    listed = plan.extra.get("policies")
    found = []
    for given in listed if isinstance(listed, list) else ():
        about = given if isinstance(given, dict) else {}
        given_with = about.get("with")
        most = seconds(given_with.get("max")) if isinstance(given_with, dict) else None
        on, when = str(about.get("on") or ""), about.get("when")
        condition = str(when).lower() if isinstance(when, bool) else str(when or "")
        found.append(Policy(str(about.get("id")), on, condition, str(about.get("do")), most))
    return found


class Policies:
    """The policies of one run, and those of the runs above it, which count after its own.

    `variables` are what conditions see; `control` is the run's button.
    """

    def __init__(
        self,
        policies: list[Policy],
        journal: Journal,
        control: Control,
        variables: Callable[[], Mapping[str, Json]],
        above: Policies | None = None,
    ) -> None:
        self._policies = policies
        self._journal = journal
        self.control = control
        self._variables = variables
        self._above = above
        self._watched = [policy for policy in policies if policy.when]
        journal.decide = self._decide

    def about(self, error: BoxError) -> list[Policy]:
        """The policies about a failure, in the order in which they are asked."""
        kinds = {name for name, kind in FAILURES.items() if isinstance(error, kind)}
        return [policy for policies in self._line() for policy in policies._policies if policy.on in kinds]

    def apply(self, policy: Policy, error: BoxError, key: str | None) -> None:
        """Write down that a policy acts on a failure, and do what it says where that is not `fallback` or `wait`.

        Raises Paused, Stopped, or for `fail` the error itself.
        """
        owner = next(policies for policies in self._line() if policy in policies._policies)
        self.tell(policy, error.message, key)
        owner._act(policy, error.message)
        error.settled = True
        if policy.do == "fail":
            raise error
        if policy.do == "cancel":
            raise Stopped
        if policy.do == "pause":
            raise Paused

    def take_up(self, events: Sequence[Event]) -> None:
        """Go on after a process before this one, which has written these: a policy acts on its condition once."""
        applied = {event.data["policy"] for event in events if event.type == "policy.applied" and "when" in event.data}
        self._watched = [policy for policy in self._watched if policy.id not in applied]

    def hold(self, events: Sequence[Event]) -> None:
        """Let what was decided be done, though the process that decided it ended before it came to that: nothing takes
        back `fail` and `cancel`; a pause is over when somebody goes on with the run.
        """
        over = max((event.seq for event in events if event.type in ("run.paused", "run.resumed")), default=0)
        for event in events:
            if event.type != "policy.applied" or (event.data["do"] == "pause" and event.seq < over):
                continue
            known = ((each, policy) for each in self._line() for policy in each._policies)
            policies, policy = next(pair for pair in known if pair[1].id == event.data["policy"])
            policies._act(policy, str(event.data["message"]))

    # ------------------------------------------------------------ events and conditions

    def hear(self, event: Event) -> None:
        """An event was committed: what was decided with it is done, and conditions are looked at."""
        if event.type == "policy.applied" and event.data.get("on") not in (None, *FAILURES):
            policy = next(each for each in self._policies if each.id == event.data["policy"])
            self._act(policy, str(event.data["message"]))
        self.look()

    def _decide(self, event: EventDraft) -> list[EventDraft]:
        """What policies on an event decide. It is done when it is durable: who is killed in between has decided."""
        if event.type == "policy.applied":
            return []
        asked = (policy for policy in self._policies if policy.on == event.type and policy.do not in _MAKING)
        return [self._told(policy, _words(event), event.step) for policy in asked]

    async def watch(self) -> None:
        """Look at the conditions for as long as the run goes on: time and cost move without events."""
        while self._watched:
            await asyncio.sleep(TICK)
            self.look()

    def look(self) -> None:
        """Look at each condition that has not held yet; one that cannot be evaluated yet does not hold."""
        for policy in list(self._watched):
            if self._holds(policy):
                self._watched.remove(policy)
                self.tell(policy, f"`{policy.when}` holds", None)
                self._act(policy, f"`{policy.when}` holds")

    def _holds(self, policy: Policy) -> bool:
        try:
            return evaluate(policy.when, self._variables()) is True
        except ExpressionFailed:
            return False

    # ------------------------------------------------------------ inside

    def _line(self) -> Iterator[Policies]:
        policies: Policies | None = self
        while policies is not None:
            yield policies
            policies = policies._above

    def tell(self, policy: Policy, message: str, key: str | None, **more: Json) -> None:
        """Write down that a policy acts, and on what."""
        self._journal.note(self._told(policy, message, key, **more))

    def _told(self, policy: Policy, message: str, key: str | None, **more: Json) -> EventDraft:
        data: dict[str, Json] = {"policy": policy.id, "do": policy.do, "message": message, **more}
        data |= {"on": policy.on} if policy.on else {"when": policy.when}
        return self._journal.fact("policy.applied", data, key)

    def _act(self, policy: Policy, message: str) -> None:
        reason = f"policy {policy.id}: {message}"
        if policy.do == "pause":
            self.control.pause(reason)
        elif policy.do == "cancel":
            self.control.stop_once(reason)
        elif policy.do == "fail":
            self.control.fail(reason)


#: What only the making of a box can do.
_MAKING = ("fallback", "wait")


def _words(event: EventDraft) -> str:
    about = event.data.get("message") or event.data.get("reason")
    return f"{event.type}{f' of {event.step}' if event.step else ''}{f': {about}' if about else ''}"
