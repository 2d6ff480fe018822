"""The graph of steps: edges written in `after`, edges implied by expressions, order and waves."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping

from runner.compiler.diagnostic import Span
from runner.compiler.expressions.uses import step_references
from runner.compiler.spec.model import StepSpec, Workflow
from runner.records import dataclass

_MOST_CYCLES = 20  # that are told at once


@dataclass(frozen=True, slots=True)
class Edge:
    """`step` waits for `upstream`; `implied` by an expression rather than written in `after`."""

    step: str
    upstream: str
    span: Span
    implied: bool = False


def step_edges(workflow: Workflow, step: StepSpec) -> list[Edge]:
    """The step's edges to existing other steps, written ones first; each upstream step once."""
    edges: dict[str, Edge] = {}
    for at in step.after:
        if at.value in workflow.steps and at.value != step.id:
            edges.setdefault(at.value, Edge(step.id, at.value, at.span))
    for found, reference in step_references(workflow, step):
        if reference.path[0] == "steps" and len(reference.path) > 1:
            upstream = reference.path[1]
            if upstream in workflow.steps and upstream != step.id:
                edges.setdefault(upstream, Edge(step.id, upstream, found.use.node.span, implied=True))
    return list(edges.values())


def all_edges(workflow: Workflow) -> dict[str, list[Edge]]:
    """The edges of every step, by step id, in the order of the spec."""
    return {step.id: step_edges(workflow, step) for step in workflow.steps.values()}


def upstream_of(edges: Mapping[str, list[Edge]], start: str) -> set[str]:
    """Everything that must have ended before `start`, without `start` itself unless it is in a cycle."""
    found: set[str] = set()
    todo = [start]
    while todo:
        for edge in edges.get(todo.pop(), []):
            if edge.upstream not in found:
                found.add(edge.upstream)
                todo.append(edge.upstream)
    return found


def order(edges: Mapping[str, list[Edge]]) -> list[str]:
    """A stable topological order: of the steps that could come next, the first in the spec. Cycles are left out."""
    position = {id_: number for number, id_ in enumerate(edges)}
    waiting = {id_: len(found) for id_, found in edges.items()}
    downstream: dict[str, list[str]] = {id_: [] for id_ in edges}
    for found in edges.values():
        for edge in found:
            downstream[edge.upstream].append(edge.step)
    ready = [(position[id_], id_) for id_, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    done: list[str] = []
    while ready:
        _, id_ = heapq.heappop(ready)
        done.append(id_)
        for after in downstream[id_]:
            waiting[after] -= 1
            if waiting[after] == 0:
                heapq.heappush(ready, (position[after], after))
    return done


def waves(edges: Mapping[str, list[Edge]]) -> dict[str, int]:
    """The wave of every step: 0 without upstream, else one more than the largest wave upstream."""
    found: dict[str, int] = {}
    for id_ in order(edges):
        found[id_] = max((found[edge.upstream] + 1 for edge in edges[id_]), default=0)
    return found


def find_cycles(edges: Mapping[str, list[Edge]]) -> list[list[Edge]]:
    """Cycles that share no step, each as its edges, the first of them in the spec first."""
    found: list[list[Edge]] = []
    while len(found) < _MOST_CYCLES and (cycle := _cycle(edges)) is not None:
        found.append(cycle)
        gone = {edge.step for edge in cycle}
        edges = {
            id_: [edge for edge in waits if edge.upstream not in gone]
            for id_, waits in edges.items()
            if id_ not in gone
        }
    return found


def _cycle(edges: Mapping[str, list[Edge]]) -> list[Edge] | None:
    """One cycle as its edges, the same every time: it starts at the step of it that comes first in the spec."""
    left = edges.keys() - set(order(edges))  # what is on a cycle, or waits for one
    start = next((id_ for id_ in edges if id_ in left and id_ in upstream_of(edges, id_)), None)
    if start is None:
        return None
    came: dict[str, Edge] = {}
    todo = deque([start])
    while True:  # the start is upstream of itself, so it is met
        for edge in edges[todo.popleft()]:
            if edge.upstream == start:
                return _path(came, edge, start)
            if edge.upstream not in came:
                came[edge.upstream] = edge
                todo.append(edge.upstream)


def _path(came: Mapping[str, Edge], last: Edge, start: str) -> list[Edge]:
    path = [last]
    while path[0].step != start:
        path.insert(0, came[path[0].step])
    return path
