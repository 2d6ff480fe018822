"""What a run costs, low, likely and high: box time by the providers' prices, models, and the workflows it runs.

Pure: the same spec, inputs and tables give the same price. docs/price.md has the formula and the assumptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise

from runner.compiler.canonical import Json
from runner.compiler.family import MOST_LEVELS
from runner.compiler.plan.amounts import Price, Range, SandboxPrice, StepPrice, total
from runner.compiler.plan.choose import choose, usd_per_hour
from runner.compiler.plan.graph import Edge, all_edges
from runner.compiler.plan.graph import order as in_order
from runner.compiler.plan.models import model_price
from runner.compiler.plan.relatives import Find, inputs_of, nobody
from runner.compiler.plan.rows import count_rows
from runner.compiler.plan.workload import ALWAYS, PARALLEL, SELDOM, Job, job, jobs, sandbox_of
from runner.compiler.spec.build import normal_needs
from runner.compiler.spec.model import SandboxDecl, Workflow
from runner.compiler.spec.read import plain, plain_map, text
from runner.compiler.spec.units import seconds

#: Seconds that a shared box outlives the step that was last started in it, beside that step's timeout: a run frees
#: its boxes at its end, and a box that nobody uses any more ends by itself.
BOX_REST = 600.0
#: So many steps are not looked at one by one for what may work beside each.
MANY = 300


def rate(sandbox: SandboxDecl | None) -> Range:
    """US dollars for a second of a box: likely of the provider that is chosen, else of the cheapest and the dearest."""
    needs = sandbox.needs if sandbox else normal_needs({})
    prefer = [at.value for at in sandbox.prefer] if sandbox else []
    found = [usd_per_hour(needs, one.provider) / 3600 for one in choose(needs, prefer) if one.accepted]
    return Range(min(found), found[0], max(found)) if found else Range()


def price(
    workflow: Workflow,
    inputs: Mapping[str, Json],
    find: Find = nobody,
    edges: Mapping[str, list[Edge]] | None = None,
) -> Price:
    """The price of one run with these inputs. Never raises, however incomplete the workflow is: what is not known is in
    the notes. `find` gives the workflows that steps run; `edges` are those of the workflow, where they are at hand.
    """
    return _price(workflow, inputs, find, edges, MOST_LEVELS)


def _price(
    workflow: Workflow, inputs: Mapping[str, Json], find: Find, edges: Mapping[str, list[Edge]] | None, levels: int
) -> Price:
    graph = all_edges(workflow) if edges is None else edges
    legs = {id_: count_rows(step.matrix, inputs) for id_, step in workflow.steps.items()}
    work = jobs(workflow, graph, in_order(graph), inputs, legs)
    if workflow.on_failure is not None:
        work["on_failure"] = job(workflow, workflow.on_failure, tuple(work), SELDOM, inputs, None)
    if workflow.finally_ is not None:
        work["finally"] = job(workflow, workflow.finally_, tuple(work), ALWAYS, inputs, None)
    children = {}
    for id_, one in work.items():
        found = find(one.step) if one.step.kind == "workflow" and levels else None
        if found is not None:
            given = inputs_of(one.step, found.workflow)
            children[id_] = _price(found.workflow, given, found.find, None, levels - 1)
    return _Bill(workflow, work, children).price()


class _Bill:
    """One price in the making."""

    def __init__(self, workflow: Workflow, work: dict[str, Job], children: Mapping[str, Price]) -> None:
        self.workflow = workflow
        self.work = work
        self.children = children
        self.lasting = {id_: self._lasting(one) for id_, one in work.items()}
        self.starts, self.ends = self._times()
        self.end = self._end()
        self.tails = self._tails()
        self.boxes = {id_: sandbox_of(workflow, one.step) for id_, one in work.items()}
        self.inside: dict[str, list[str]] = {}
        for id_, box in self.boxes.items():
            if box is not None:
                self.inside.setdefault(box, []).append(id_)
        self.rates = {name: rate(workflow.sandboxes.get(name)) for name in self.inside}

    def price(self) -> Price:
        models = {id_: self._model(one) for id_, one in self.work.items()}
        steps = {
            id_: StepPrice(
                legs=one.legs,
                seconds=self.lasting[id_].rounded(),
                box=(one.busy * self.rates[box] if (box := self.boxes[id_]) else Range()).rounded(),
                model=models[id_][0].rounded(),
                workflow=(self._child(one).usd * one.attempts * one.legs * one.sure).rounded(),
            )
            for id_, one in self.work.items()
        }
        sandboxes = {name: self._sandbox(name) for name in sorted(self.rates)}
        paid = [one.usd for one in sandboxes.values()]
        paid += [one.model + one.workflow for one in steps.values()]
        notes = tuple(dict.fromkeys(note for id_ in self.work for note in self._notes(id_, models[id_][1])))
        return Price(
            usd=total(paid).rounded(),
            seconds=self.end.rounded(),
            steps=steps,
            sandboxes=sandboxes,
            bounded=not notes,
            notes=notes,
        )

    # ------------------------------------------------------------ time

    def _lasting(self, one: Job) -> Range:
        if one.step.kind != "workflow":
            return one.seconds
        rounds = replace(one, attempt=Range(1.0, 1.0, 1.0), waits=0.0).seconds
        return self._child(one).seconds * rounds + Range(0.0, 0.0, one.waits)

    def _times(self) -> tuple[dict[str, Range], dict[str, Range]]:
        """When each step starts and ends, in seconds from the start of the run, if nothing waits for a place."""
        starts: dict[str, Range] = {}
        ends: dict[str, Range] = {}
        for id_, one in self.work.items():
            starts[id_] = _latest(ends[other] for other in one.after if other in ends)
            ends[id_] = starts[id_] + self.lasting[id_]
        return starts, ends

    def _end(self) -> Range:
        """How long the run takes. Where more legs than places may be ready at once, the most is the longest path and
        all work shared by the places: no schedule that leaves no place empty takes longer.
        """
        longest = _latest(self.ends.values())
        if self._most_at_once() <= PARALLEL:
            return longest
        return replace(longest, high=longest.high + sum(one.busy.high for one in self.work.values()) / PARALLEL)

    def _most_at_once(self) -> float:
        """The most legs that may work at the same time with one step; of many steps, all of them."""
        if len(self.work) > MANY:
            return sum(one.legs.high for one in self.work.values())
        before: dict[str, frozenset[str]] = {}
        for id_, one in self.work.items():
            mine = [other for other in one.after if other in before]
            before[id_] = frozenset(mine).union(*(before[other] for other in mine))
        legs = {id_: min(one.legs.high, one.parallel) for id_, one in self.work.items()}
        besides = dict.fromkeys(self.work, 0.0)
        for id_, seen in before.items():
            besides[id_] += sum(legs.values()) - sum(legs[other] for other in seen)
            for other in seen:
                besides[other] -= legs[id_]
        return max(besides.values(), default=0.0)

    def _tails(self) -> dict[str, float]:
        """The least seconds from the start of each step to the end of the run."""
        tails = dict.fromkeys(self.work, 0.0)
        for id_ in reversed(self.work):
            tails[id_] += self.lasting[id_].low
            for other in self.work[id_].after:
                tails[other] = max(tails.get(other, 0.0), tails[id_])
        return tails

    # ------------------------------------------------------------ boxes

    def _sandbox(self, name: str) -> SandboxPrice:
        declared = self.workflow.sandboxes.get(name)
        inside = self.inside[name]
        if declared is not None and declared.scope == "step":
            used = total(self.work[id_].busy for id_ in inside)
        else:
            used = self._shared(inside)
            longest = seconds(plain(declared.node.get("timeout"))) if declared else None
            used = used if longest is None else used.within(0.0, longest)
        return SandboxPrice(used.rounded(), (used * self.rates[name]).rounded())

    def _shared(self, inside: list[str]) -> Range:
        """Seconds of a box that all these steps share: from the first step in it to the end of the run, or until it
        ends by itself because no step has started in it for long enough.
        """
        rest = BOX_REST + max(self.work[id_].timeout for id_ in inside)
        tails, end = self.tails, self.end
        low = max((min(tails[id_], rest) for id_ in inside if self.work[id_].sure.low), default=0.0)
        begin = min(self.starts[id_].low for id_ in inside)
        starts = total(self._starts(id_) for id_ in inside).high
        high = max(min(end.high - begin, starts * rest), low)
        likely = sorted(self.starts[id_].likely for id_ in inside if self.lasting[id_].likely)
        gaps = pairwise([*likely, end.likely])
        return Range(low, min(max(sum(min(after - before, rest) for before, after in gaps), low), high), high)

    def _starts(self, id_: str) -> Range:
        one = self.work[id_]
        return one.attempts * one.legs

    # ------------------------------------------------------------ models and workflows

    def _model(self, one: Job) -> tuple[Range, bool]:
        agent = self.workflow.agents.get(one.step.agent.value) if one.step.agent else None
        if one.step.kind != "agent" or agent is None:
            return Range(), True
        each, bounded = model_price(text(agent.node.get("model")), plain_map(agent.node.get("budget")))
        return each * one.attempts * one.legs * one.sure, bounded

    def _child(self, one: Job) -> Price:
        return self.children.get(one.step.id, Price())

    def _notes(self, id_: str, bounded: bool) -> Iterable[str]:
        one = self.work[id_]
        if not bounded and one.step.agent is not None:
            yield f"agent `{one.step.agent.value}`: no `budget.usd` limits it, so it may cost more"
        if one.step.kind == "workflow" and id_ not in self.children:
            yield f"step `{id_}`: what the workflow it runs costs is not known here"
        elif one.step.kind == "workflow":
            yield from (f"step `{id_}`: {note}" for note in self._child(one).notes)


def _latest(times: Iterable[Range]) -> Range:
    found = Range()
    for one in times:
        found = Range(max(found.low, one.low), max(found.likely, one.likely), max(found.high, one.high))
    return found
