"""How often and how long the steps of a workflow work: the assumptions behind every price, as named constants.

`low` is a run in which all goes well and everything that may be skipped is skipped, `likely` an ordinary run, and
`high` one in which every attempt fails and takes until its timeout. docs/price.md says the same in words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace

from runner.compiler.canonical import Json
from runner.compiler.plan.amounts import Range
from runner.compiler.plan.graph import Edge
from runner.compiler.plan.matrix import MOST_LEGS
from runner.compiler.plan.model import DEFAULT_SANDBOX, Retry
from runner.compiler.spec.model import StepSpec, Workflow
from runner.compiler.spec.read import child, plain
from runner.compiler.spec.units import seconds
from runner.records import dataclass

#: Seconds that the quickest attempt takes when the spec has no estimate.
LEAST_SECONDS = 1.0
#: The part of its timeout that an attempt is likely to take when the spec has no estimate.
LIKELY_PART = 0.1
#: The part of its estimate that a quick attempt takes.
QUICK_PART = 0.5
#: Seconds that a person is likely to take for an approval.
LIKELY_APPROVAL = 3600.0
#: Legs of a list that is not known before the run.
LIKELY_ITEMS = 8
#: How often a step that is repeated until a condition holds is likely to run.
LIKELY_REPETITIONS = 3
#: Legs of one run that work at the same time: the default of `runner run --max-parallel`.
PARALLEL = 8
#: How often a step runs: always, unless its condition is false, or only when something failed.
ALWAYS, MAYBE, SELDOM = Range(1.0, 1.0, 1.0), Range(0.0, 1.0, 1.0), Range(0.0, 0.0, 1.0)
_BOXLESS = ("approve", "workflow")
_TIMEOUT = 600.0
_APPROVAL_TIMEOUT = 7 * 86400.0
_LIST = re.compile(r"\$\{\{\s*(inputs\.(?P<input>\w+)|steps\.(?P<step>\w+)\.outputs\.(?P<output>\w+))\s*\}\}")


@dataclass(frozen=True, slots=True)
class Job:
    """One step as work: `attempt` seconds of one attempt, `attempts` of one leg, `waits` the most seconds between them,
    `legs` and how many of them run at the same time. `sure` is how often the step itself runs: 0 at the least where a
    run may do without it.
    """

    step: StepSpec
    after: tuple[str, ...]
    sure: Range
    legs: Range
    parallel: int
    attempt: Range
    attempts: Range
    waits: float
    timeout: float

    @property
    def seconds(self) -> Range:
        """From its start to its end, with all its legs; nothing at the least where it may be skipped."""
        rounds = Range(
            *(float(math.ceil(n / self.parallel)) for n in (self.legs.low, self.legs.likely, self.legs.high))
        )
        return (self.attempt * self.attempts + Range(0, 0, self.waits)) * rounds * self.sure

    @property
    def busy(self) -> Range:
        """Seconds of work, summed over its legs and attempts."""
        return self.attempt * self.attempts * self.legs * self.sure


def sandbox_of(workflow: Workflow, step: StepSpec) -> str | None:
    """The name of the sandbox a step runs in: its own, its agent's, else the default; None where it needs no box."""
    if step.kind in _BOXLESS:
        return None
    if step.sandbox is not None:
        return step.sandbox.value
    agent = workflow.agents.get(step.agent.value) if step.agent else None
    return agent.sandbox.value if agent and agent.sandbox else DEFAULT_SANDBOX


def estimate_of(step: StepSpec) -> float | None:
    """Seconds that one attempt usually takes, as the spec says; None where it is silent."""
    return seconds(plain(step.node.get("estimate")))


def timeout_of(step: StepSpec) -> float:
    """Seconds after which one attempt, or the wait for an approval, ends."""
    if step.kind == "approve":
        written = seconds(plain(child(step.action, "timeout")))
        return _APPROVAL_TIMEOUT if written is None else written
    return _TIMEOUT if step.timeout is None else step.timeout


def _attempt(step: StepSpec) -> Range:
    most, usual = timeout_of(step), estimate_of(step)
    if usual is not None:
        return Range(QUICK_PART * usual, usual, most).within(0.0, max(most, 0.0))
    if step.kind == "approve":
        return Range(0.0, min(LIKELY_APPROVAL, most), most)
    return Range(min(LEAST_SECONDS, most), max(LIKELY_PART * most, min(LEAST_SECONDS, most)), most)


def _repeats(step: StepSpec) -> tuple[Range, float]:
    """How often one leg runs although it succeeds, and the seconds between."""
    most = plain(child(step.node.get("repeat"), "max"))
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        return Range(1.0, 1.0, 1.0), 0.0
    delay = seconds(plain(child(step.node.get("repeat"), "delay"))) or 0.0
    return Range(1.0, float(min(most, LIKELY_REPETITIONS)), float(most)), delay * (most - 1)


def _attempts(step: StepSpec) -> tuple[float, float]:
    """The most attempts of one leg, and the most seconds that pass between them."""
    if step.kind == "approve":
        return 1.0, 0.0
    base = Retry()
    most = step.retry.attempts or base.attempts
    longest = base.max_delay if step.retry.max_delay is None else step.retry.max_delay
    return float(most), longest * (most - 1)


def _length(schema: Mapping[str, Json] | None) -> Range:
    """How many items a list of this schema has."""
    least, most = (schema.get(key) if schema else None for key in ("minItems", "maxItems"))
    low = least if isinstance(least, int) and least > 1 else 1
    high = max(low, min(most, MOST_LEGS) if isinstance(most, int) else MOST_LEGS)
    return Range(float(low), float(min(max(LIKELY_ITEMS, low), high)), float(high))


def _items(workflow: Workflow, step: StepSpec, inputs: Mapping[str, Json]) -> Range:
    """How many legs a `for_each` has: as many as the list that is written or given, else what its type allows."""
    node = step.node.get("for_each")
    listed = plain(child(node, "items") or node)
    match = _LIST.fullmatch(listed.strip()) if isinstance(listed, str) else None
    schema: Mapping[str, Json] | None = None
    if match and match["input"]:
        declared = workflow.inputs.get(match["input"])
        listed, schema = inputs.get(match["input"]), declared.plain if declared else None
    elif match:
        upstream = workflow.steps.get(match["step"])
        output = upstream.outputs.get(match["output"]) if upstream else None
        schema = output.schema if output else None
    if isinstance(listed, list):
        return Range(float(len(listed)), float(len(listed)), float(len(listed)))
    return _length(schema)


def _legs(workflow: Workflow, step: StepSpec, inputs: Mapping[str, Json], known: int | None) -> tuple[Range, int]:
    """How many legs a step has, and how many of them run at the same time."""
    most: Json = None
    if "for_each" in step.node.entries:
        count = _items(workflow, step, inputs)
        most = plain(child(step.node.get("for_each"), "max_parallel"))
    elif step.matrix is not None:
        count = _length(None) if known is None else Range(float(known), float(known), float(known))
        most = step.matrix.plain.get("max_parallel")
    else:
        return Range(1.0, 1.0, 1.0), 1
    return count, min(most, PARALLEL) if isinstance(most, int) and most > 0 else PARALLEL


def job(
    workflow: Workflow,
    step: StepSpec,
    after: tuple[str, ...],
    sure: Range,
    inputs: Mapping[str, Json],
    legs: int | None,
) -> Job:
    """The work of one step; `legs` is how many its matrix has, None where that is not known yet."""
    count, parallel = _legs(workflow, step, inputs, legs)
    repeats, delays = _repeats(step)
    most, waits = _attempts(step)
    cached = "cache" in step.node.entries
    return Job(
        step=step,
        after=after,
        sure=replace(sure, low=0.0) if cached else sure,
        legs=count,
        parallel=parallel,
        attempt=_attempt(step),
        attempts=repeats * Range(1.0, 1.0, most),
        waits=delays + waits * repeats.high,
        timeout=timeout_of(step),
    )


def jobs(
    workflow: Workflow,
    edges: Mapping[str, list[Edge]],
    order: list[str],
    inputs: Mapping[str, Json],
    legs: Mapping[str, int | None],
) -> dict[str, Job]:
    """The work of every step, in an order in which nothing comes before what it waits for; a circle is left out.

    A step with a condition, and what waits for one, may be skipped; so may one whose outputs are cached.
    """
    found: dict[str, Job] = {}
    skippable: set[str] = set()
    for id_ in order:
        step = workflow.steps[id_]
        after = tuple(edge.upstream for edge in edges[id_])
        if step.condition is not None or not skippable.isdisjoint(after):
            skippable.add(id_)
        found[id_] = job(workflow, step, after, MAYBE if id_ in skippable else ALWAYS, inputs, legs.get(id_))
    return found
