"""The edges that come with a commit, and the way along them: the same for every store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from runner.run.ports import Change
from runner.run.stored import FARTHEST, Edge, Lineage

#: A leg or an artifact: its table and its key.
Node = tuple[str, str]


def edges_of(run: str, changes: Sequence[Change]) -> list[Edge]:
    """The edges of the records that a commit makes. One that is made again is the same edge."""
    found: dict[Edge, None] = {}
    for change in changes:
        if change.rev or change.data is None:
            continue
        leg = change.data.get("step")
        if change.table == "box":
            found[Edge("used", run, change.key)] = None
        elif change.table == "artifact" and isinstance(leg, str):
            found[Edge("produced", leg, change.key)] = None
        elif change.table == "attempt" and isinstance(leg, str):
            consumed = change.data.get("consumed")
            for artifact in consumed if isinstance(consumed, list) else ():
                found[Edge("consumed", str(artifact), leg)] = None
    return list(found)


def ends(edge: Edge) -> tuple[Node, Node]:
    """What a `produced` or `consumed` edge leads from and to."""
    leg, artifact = ("step", edge.source), ("artifact", edge.target)
    if edge.kind == "produced":
        return leg, artifact
    return ("artifact", edge.source), ("step", edge.target)


def walk(edges: Iterable[Edge], start: Node) -> Lineage:
    """The lineage of a node, each node passed once, at most `FARTHEST` edges away."""
    incoming: dict[Node, list[Edge]] = {}
    outgoing: dict[Node, list[Edge]] = {}
    for edge in edges:
        if edge.kind != "used":
            source, target = ends(edge)
            outgoing.setdefault(source, []).append(edge)
            incoming.setdefault(target, []).append(edge)
    up = _reached(start, incoming, lambda edge: ends(edge)[0])
    down = _reached(start, outgoing, lambda edge: ends(edge)[1])
    return Lineage(tuple(sorted(up)), tuple(sorted(down)))


def _reached(start: Node, leading: dict[Node, list[Edge]], onward: Callable[[Edge], Node]) -> set[Edge]:
    found: set[Edge] = set()
    seen, border = {start}, [start]
    for _ in range(FARTHEST):
        edges = [edge for node in border for edge in leading.get(node, ())]
        found.update(edges)
        border = list(dict.fromkeys(node for edge in edges if (node := onward(edge)) not in seen))
        seen.update(border)
    return found
