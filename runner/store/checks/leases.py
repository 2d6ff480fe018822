"""Leases: one holder at a time, by the store's own clock."""

# ruff: noqa: S101, D103 - checks assert, and their wounds are their docs
from __future__ import annotations

import asyncio

from runner.run.ports import Change
from runner.store.checks.bench import Bench, Check, collector, fact

CHECKS: list[Check] = []
check = collector(CHECKS)
_LONG = 3600.0


@check("two machines went on with one run, as neither knew of the other")
async def one_holder_at_a_time(bench: Bench) -> None:
    store = bench.store
    assert await store.claim("r", "a", _LONG)
    assert not await store.claim("r", "b", _LONG)
    assert await store.claim("r", "a", _LONG)
    assert await store.claim("r2", "b", _LONG)
    held = await store.leases()
    assert {run: lease.holder for run, lease in held.items()} == {"r": "a", "r2": "b"}
    assert _LONG - 60 < held["r"].seconds <= _LONG


@check("the run of a machine that burned down was never gone on with")
async def a_lease_that_ran_out_is_anybodys(bench: Bench) -> None:
    store = bench.store
    assert await store.claim("r", "a", 0)
    assert (await store.leases())["r"].seconds <= 0
    assert await store.claim("r", "b", _LONG)
    assert (await store.leases())["r"].holder == "b"


@check("a process that had slept through its lease took it back from the one that had gone on")
async def only_the_holder_renews(bench: Bench) -> None:
    store = bench.store
    assert not await store.renew("r", "a", _LONG)
    assert await store.claim("r", "a", 0)
    assert await store.renew("r", "a", 0), "it ran out, and nobody took it"
    assert await store.claim("r", "b", _LONG)
    assert not await store.renew("r", "a", _LONG)
    assert await store.renew("r", "b", 2 * _LONG)
    assert (await store.leases())["r"].seconds > _LONG


@check("a process that was seen dead kept its run from being gone on with for half a minute")
async def who_is_known_to_be_gone_is_followed(bench: Bench) -> None:
    store = bench.store
    assert await store.claim("r", "a", _LONG)
    assert not await store.claim("r", "b", _LONG, before="nobody")
    assert await store.claim("r", "b", _LONG, before="a")
    assert not await store.claim("r", "c", _LONG, before="a"), "b was quicker"
    assert (await store.leases())["r"].holder == "b"


@check("a process that ended late gave back what was another's by then")
async def only_the_holder_gives_back(bench: Bench) -> None:
    store = bench.store
    await store.release("r", "a")
    assert await store.claim("r", "a", _LONG)
    await store.release("r", "b")
    assert (await store.leases())["r"].holder == "a"
    await store.release("r", "a")
    assert await store.leases() == {}
    assert not await store.renew("r", "a", _LONG)
    assert await store.claim("r", "b", _LONG)


@check("of many that claimed at once, several believed that they had it")
async def many_claims_have_one_winner(bench: Bench) -> None:
    store = bench.store
    got = await asyncio.gather(*(store.claim("r", f"h{n}", _LONG) for n in range(20)))
    assert sum(got) == 1
    assert (await store.leases())["r"].holder == f"h{got.index(True)}"


@check("a lease moved the run's record, and its own process lost the next commit")
async def a_lease_leaves_records_and_journal_alone(bench: Bench) -> None:
    store = bench.store
    sealed = await store.commit("r", [Change("run", "r", 0, {"state": "running"})], [fact()])
    assert await store.claim("r", "a", _LONG)
    assert await store.renew("r", "a", _LONG)
    await store.release("r", "a")
    record = await store.get("r", "run", "r")
    assert record is not None
    assert (record.rev, record.data) == (1, {"state": "running"})
    assert await store.head("r") == (1, sealed[0].hash)


@check("whoever looked for runs to go on with read every run there had ever been")
async def runs_of_some_states(bench: Bench) -> None:
    store = bench.store
    states = {"r1": "running", "r2": "succeeded", "r3": "pending", "r4": "running"}
    for place, (run, state) in enumerate(states.items()):
        document = {"id": run, "state": state, "created_at": f"2026-01-31T12:00:0{place}.000000Z"}
        await store.commit(run, [Change("run", run, 0, dict(document))], [])
    assert [each.key for each in await store.runs(states=("running",))] == ["r4", "r1"]
    assert [each.key for each in await store.runs(states={"running", "pending"}, limit=2)] == ["r4", "r3"]
    assert len(await store.runs()) == 4
