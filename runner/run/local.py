"""The local engine: nothing around a run, nothing around a step. The fastest way, and the one for tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from runner.compiler.plan.model import Leg, Plan, PlanStep
from runner.run.ports import LegOutcome, RunState, StepHost


class BareHost:
    """Port `StepHost` with nothing around a step."""

    async def leg(
        self, step: PlanStep, leg: Leg, upstream: Sequence[str], body: Callable[[], Awaitable[LegOutcome]]
    ) -> LegOutcome:
        """Run `body`."""
        return await body()


class LocalEngine:
    """Port `Engine`, without a server."""

    @property
    def name(self) -> str:
        """The engine's name."""
        return "local"

    async def run(self, plan: Plan, run: str, body: Callable[[StepHost], Awaitable[RunState]]) -> RunState:
        """Call `body` and return its answer."""
        return await body(BareHost())
