"""The graphs that every engine runs, and the check that one really ran them."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness import BenchmarkFailed

STEPS = 100
_WIDTH = 10

#: A graph: every step with the steps before it, in an order that respects them.
Graph = dict[str, list[str]]


def one() -> Graph:
    """A single step: what is left of the others' time is start-up."""
    return {_name(0): []}


def chain() -> Graph:
    """100 steps, one after the other: 99 edges."""
    return {_name(n): [_name(n - 1)] if n else [] for n in range(STEPS)}


def layered() -> Graph:
    """Ten layers of ten steps; each step needs two of the layer above: 180 edges."""
    graph: Graph = {}
    for n in range(STEPS):
        layer, place = divmod(n, _WIDTH)
        above = {(layer - 1) * _WIDTH + place, (layer - 1) * _WIDTH + (place + 1) % _WIDTH} if layer else set()
        graph[_name(n)] = [_name(m) for m in sorted(above)]
    return graph


def _name(n: int) -> str:
    return f"s{n:02}"


def prove(order: list[str], graph: Graph, who: str) -> None:
    """`order` holds every step once, none before one that it needs. Raises BenchmarkFailed that says what is wrong."""
    place = {name: index for index, name in enumerate(order)}
    if len(order) != len(graph) or place.keys() != graph.keys():
        missing = sorted(graph.keys() - place.keys())
        raise BenchmarkFailed(
            f"{who} ran {len(order)} steps where there are {len(graph)}; missing: {', '.join(missing[:5]) or 'none'}"
        )
    for name, upstream in graph.items():
        for before in upstream:
            if place[before] > place[name]:
                raise BenchmarkFailed(f"{who} ran {name} before {before}, which it needs")


def prove_log(log: Path, graph: Graph, who: str) -> None:
    """The same for a file to which every step appended its name."""
    if not log.is_file():
        raise BenchmarkFailed(f"{who} ran no step at all")
    prove(log.read_text().split(), graph, who)
