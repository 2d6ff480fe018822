"""Versions of workflows, attempts, questions; edges come with their records, and are followed both ways."""

# ruff: noqa: S101, D103 - checks assert, and their wounds are their docs
from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from runner.run.ports import Change
from runner.run.stored import FARTHEST, Edge, Lineage
from runner.store.checks.bench import TS, Bench, Check, collector, fact, lost

CHECKS: list[Check] = []
check = collector(CHECKS)


def leg(key: str) -> Change:
    return Change("step", key, 0, {"state": "ready"})


def made(leg: str, output: str = "out") -> Change:
    return Change("artifact", f"{leg}/{output}", 0, {"step": leg, "output": output})


def handed(leg: str, *artifacts: str, number: int = 1, rev: int = 0) -> Change:
    return Change("attempt", f"{leg}#{number}", rev, {"step": leg, "number": number, "consumed": [*artifacts]})


def produced(leg: str, output: str = "out") -> Edge:
    return Edge("produced", leg, f"{leg}/{output}")


def consumed(artifact: str, leg: str) -> Edge:
    return Edge("consumed", artifact, leg)


def some(*edges: Edge) -> tuple[Edge, ...]:
    return tuple(sorted(edges))


def chain(legs: Sequence[str]) -> list[Change]:
    """Each leg takes what the one before it made."""
    pairs = pairwise(legs)
    return [*map(leg, legs), *map(made, legs), *(handed(after, f"{before}/out") for before, after in pairs)]


# ---------------------------------------------------------------- tables


@check("a thousand runs of one spec kept it a thousand times, and the second of two that began at once failed")
async def one_version_of_many_runs(bench: Bench) -> None:
    store = bench.store
    for place, run in enumerate(("r1", "r2", "r1")):
        data = {"name": "two", "first_seen": f"2026-01-31T12:00:0{place}.000000Z"}
        await store.commit(run, [Change("workflow", "abc", 0, dict(data))], [fact()])
    record = await store.get("whoever", "workflow", "abc")
    assert record is not None
    assert (record.rev, record.data) == (1, {"name": "two", "first_seen": TS})
    assert [each.key for each in await store.workflows()] == ["abc"]


@check("the list of versions began with the first one ever")
async def versions_newest_first(bench: Bench) -> None:
    store = bench.store
    for key, day in (("b", 2), ("a", 3), ("c", 1)):
        first = f"2026-01-0{day}T00:00:00.000000Z"
        await store.commit("r", [Change("workflow", key, 0, {"first_seen": first})], [])
    assert [each.key for each in await store.workflows()] == ["a", "b", "c"]
    assert [each.key for each in await store.workflows(limit=1)] == ["a"]


@check("a version that was moved was another one under the same name")
async def a_version_cannot_be_moved(bench: Bench) -> None:
    await bench.store.commit("r", [Change("workflow", "abc", 0, {"n": 1})], [])
    for change in (Change("workflow", "abc", 1, {"n": 2}), Change("workflow", "abc", 0, None)):
        try:
            await bench.store.commit("r", [change], [])
        except ValueError:
            continue
        raise AssertionError("it was taken")
    record = await bench.store.get("r", "workflow", "abc")
    assert record is not None
    assert record.data == {"n": 1}


@check("attempts and questions were kept for a moment only: what had been tried before was gone")
async def attempts_and_questions_are_records(bench: Bench) -> None:
    store = bench.store
    for table in ("attempt", "approval"):
        changes = [Change("attempt" if table == "attempt" else "approval", key, 0, {"n": key}) for key in ("b", "a")]
        await store.commit("r", changes, [fact()])
        await lost(store.commit("r", changes[:1], [fact()]))
        assert [(each.key, each.rev, each.data) for each in await store.all("r", table)] == [
            ("a", 1, {"n": "a"}),
            ("b", 1, {"n": "b"}),
        ]
        assert await store.all("other", table) == []


# ---------------------------------------------------------------- edges


@check("boxes and artifacts were there, and nobody could say of whom")
async def edges_come_with_records(bench: Bench) -> None:
    store = bench.store
    changes = [Change("run", "r", 0, {}), leg("a"), leg("b"), Change("box", "b1", 0, {}), made("a")]
    await store.commit("r", changes, [fact()])
    await store.commit("r", [handed("b", "a/out")], [fact()])
    expected = sorted([Edge("used", "r", "b1"), produced("a"), consumed("a/out", "b")])
    assert await store.edges("r") == expected
    assert await (await bench.reopen()).edges("r") == expected


@check("edges of a commit that lost were there all the same")
async def a_lost_commit_leaves_no_edge(bench: Bench) -> None:
    store = bench.store
    await store.commit("r", [leg("a")], [])
    await lost(store.commit("r", [Change("box", "b1", 0, {}), made("a"), leg("a")], [fact()]))
    assert await store.edges("r") == []


@check("a second attempt counted the same artifact twice")
async def an_edge_is_there_once(bench: Bench) -> None:
    store = bench.store
    await store.commit("r", [*chain(["a", "b"]), Change("box", "b1", 0, {})], [])
    again = [handed("b", "a/out", number=2), Change("box", "b1", 1, {"n": 2}), Change("artifact", "a/out", 1, {})]
    await store.commit("r", again, [])
    await store.commit("r", [handed("b", "a/other", rev=1)], [])
    assert await store.edges("r") == sorted(
        [Edge("used", "r", "b1"), produced("a"), produced("b"), consumed("a/out", "b")]
    )


@check("the graph of one run led into another one whose legs have the same names")
async def graphs_of_two_runs_are_apart(bench: Bench) -> None:
    store = bench.store
    await store.commit("r1", chain(["a", "b"]), [])
    await store.commit("r2", chain(["b", "a"]), [])
    await store.commit("r", [leg("a")], [])
    assert await store.edges("r") == []
    assert (await store.lineage("r1", "step", "a")).upstream == ()
    assert (await store.lineage("r2", "step", "a")).upstream == some(produced("b"), consumed("b/out", "a"))


@check("keys with brackets, quotes and a NUL were nodes that no edge led to")
async def any_key_is_a_node(bench: Bench) -> None:
    store = bench.store
    keys = ['t[a=1,b="x y"]', "a\0b", "a\\0b", "é日本🦀", "x:1; DELETE step", "a/b/c"]
    await store.commit("r; DELETE run", chain(keys), [])
    last = await store.lineage("r; DELETE run", "step", keys[-1])
    assert last.upstream == some(*map(produced, keys[:-1]), *_links(keys))
    assert last.downstream == (produced(keys[-1]),)


def _links(legs: Sequence[str]) -> Iterable[Edge]:
    return (consumed(f"{before}/out", after) for before, after in pairwise(legs))


# ---------------------------------------------------------------- lineage


@check("nobody could say which files a wrong result had been made of, nor what had been made of wrong files")
async def lineage_goes_both_ways(bench: Bench) -> None:
    store = bench.store
    legs = ["a", "b", "c", "d"]
    side = [leg("x"), made("x"), leg("y"), handed("y", "b/out"), made("y")]
    await store.commit("r", [*chain(legs), *side], [])
    middle = await store.lineage("r", "step", "c")
    assert middle.upstream == some(produced("a"), produced("b"), consumed("a/out", "b"), consumed("b/out", "c"))
    assert middle.downstream == some(produced("c"), consumed("c/out", "d"), produced("d"))
    artifact = await store.lineage("r", "artifact", "b/out")
    assert artifact.upstream == some(produced("a"), consumed("a/out", "b"), produced("b"))
    after = [consumed("b/out", "c"), consumed("b/out", "y"), produced("c"), produced("y")]
    assert artifact.downstream == some(*after, consumed("c/out", "d"), produced("d"))
    assert (await store.lineage("r", "step", "x")) == Lineage((), (produced("x"),))


@check("the lineage of a leg that is not there was an error")
async def lineage_of_nothing_is_empty(bench: Bench) -> None:
    await bench.store.commit("r", chain(["a", "b"]), [])
    assert await bench.store.lineage("r", "step", "nobody") == Lineage((), ())
    assert await bench.store.lineage("nobody", "artifact", "a/out") == Lineage((), ())


@check("each of thirty steps that took two files from two doubled the work of the walk, which never ended")
async def every_node_is_passed_once(bench: Bench) -> None:
    store = bench.store
    changes: list[Change] = []
    edges: list[Edge] = []
    for level in range(30):
        before = [f"{level - 1}{side}/out" for side in "ab"] if level else []
        for side in "ab":
            key = f"{level}{side}"
            changes += [leg(key), made(key), handed(key, *before)]
            edges += [produced(key), *(consumed(artifact, key) for artifact in before)]
    await store.commit("r", changes, [])
    assert (await store.lineage("r", "step", "0a")).downstream == some(
        *(edge for edge in edges if edge not in (produced("0b"), *(each for each in edges if each.source == "0b/out")))
    )


@check("the lineage of a leg after very many others was an error instead of the near part of it")
async def a_walk_is_bounded(bench: Bench) -> None:
    legs = [f"{number:03}" for number in range(FARTHEST // 2 + 10)]
    await bench.store.commit("r", chain(legs), [])
    found = await bench.store.lineage("r", "step", legs[0])
    assert len(found.downstream) == FARTHEST
    assert found.downstream == some(*map(produced, legs[: FARTHEST // 2]), *_links(legs[: FARTHEST // 2 + 1]))
