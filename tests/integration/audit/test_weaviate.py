"""The audit log in a real Weaviate, by the genuine client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from runner.errors import AuditOffline, AuditRefused, UsageError
from runner.run.audit_port import AuditQuery
from runner.run.clock import SystemClock
from runner.run.event import EventDraft
from runner.run.shipper import Shipper
from runner.run.stored import Backlog
from runner.run.verification import Verification
from runner.store.audit import WeaviateLog
from runner.store.audit_index import JournalIndex
from runner.store.audit_settings import audit_settings
from runner.store.memory import MemoryStore

pytestmark = pytest.mark.integration

WHY = ("no such file or directory", "connection refused", "out of memory", "killed by signal 9")


def drafts(count: int) -> list[EventDraft]:
    """Events of all kinds, always the same."""
    types = ("step.started", "step.failed", "step.succeeded", "box.created", "step.retrying", "run.failed")
    return [
        EventDraft(
            types[number % 6],
            f"2026-01-31T12:{number % 60:02}:{number // 60 % 60:02}.{number:06}Z",
            None if number % 6 == 5 else f"s{number % 7}[shard={number % 3}]",
            1,
            {"provider": ("e2b", "webcontainer")[number % 2], "message": f"exited with {number % 9}: {WHY[number % 4]}"}
            | ({"owner": "reviewer"} if number % 5 == 0 else {}),
        )
        for number in range(count)
    ]


async def filled(*counts: int) -> MemoryStore:
    """A store whose runs `r0`, `r1`, … have so many events, none delivered."""
    store = MemoryStore()
    await store.open()
    for number, count in enumerate(counts):
        await store.commit(f"r{number}", [], drafts(count))
    return store


@asynccontextmanager
async def opened(environ: Mapping[str, str], seconds: float = 10.0) -> AsyncIterator[WeaviateLog]:
    settings = audit_settings(environ)
    assert settings is not None
    log = WeaviateLog(settings, timeout=seconds)
    try:
        await log.open()
        yield log
    finally:
        await log.close()


async def equal(store: MemoryStore, log: WeaviateLog) -> list[str]:
    """What differs between journal and audit log."""
    verification = Verification(store, log)
    await verification.begin()
    verdicts = [await verification.of(run) for run in await store.heads()] + await verification.strangers()
    return [verdict.error for verdict in verdicts if not verdict.ok]


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(20_000):
        if holds():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it never came")


@asynccontextmanager
async def vendor(environ: Mapping[str, str]) -> AsyncIterator[Any]:
    """The SDK itself, as somebody uses it who is not us."""
    from weaviate import WeaviateAsyncClient
    from weaviate.classes.init import Auth
    from weaviate.connect import ConnectionParams

    port = int(environ["RUNNER_AUDIT_URL"].rpartition(":")[2])
    where = ConnectionParams.from_params("127.0.0.1", port, False, "127.0.0.1", port + 5, False)
    key = Auth.api_key(environ["RUNNER_AUDIT_API_KEY"])
    async with WeaviateAsyncClient(where, auth_client_secret=key, skip_init_checks=True) as client:
        yield client


def test_every_event_is_there_once_however_often_it_is_delivered(running: Any) -> None:
    async def main() -> None:
        store = await filled(450, 3)
        async with opened(running.environ()) as log:
            await Shipper(store, log, SystemClock()).drain()
            assert await store.backlog() == Backlog(0, None, 0)
            assert await log.counts() == {"r0": 450, "r1": 3}
            delivery = await log.deliver(await store.events("r0"))
            assert (len(delivery.accepted), delivery.refused) == (450, ())
            assert await log.counts() == {"r0": 450, "r1": 3}
            assert await equal(store, log) == []

    asyncio.run(main())


def test_two_shippers_at_once_do_no_harm(running: Any) -> None:
    async def main() -> None:
        store, environ = await filled(900), running.environ()
        async with opened(environ) as one, opened(environ) as two:
            both = [Shipper(store, log, SystemClock()) for log in (one, two)]
            await asyncio.gather(*(shipper.drain() for shipper in both))
            assert min(shipper.shipped.delivered for shipper in both) > 0
            assert (await store.backlog()).waiting == 0
            assert await one.counts() == {"r0": 900}
            assert await equal(store, two) == []

    asyncio.run(main())


def test_one_event_that_is_refused_holds_up_no_other(running: Any) -> None:
    async def main() -> None:
        store = await filled(3)
        await store.commit("bad", [], [replace(drafts(1)[0], ts="yesterday"), drafts(1)[0]])
        async with opened(running.environ()) as log:
            shipper = Shipper(store, log, SystemClock())
            await shipper.drain()
            assert await log.counts() == {"r0": 3, "bad": 1}
            (letter,) = await store.dead()
            assert (letter.event.run, letter.event.seq) == ("bad", 1)
            assert "yesterday" in letter.reason
            assert (shipper.shipped.delivered, shipper.shipped.refused) == (4, 1)
            assert await equal(store, log) == []

    asyncio.run(main())


def test_a_large_event_and_many_large_ones(running: Any) -> None:
    async def main() -> None:
        store = await filled(0)
        large = [
            EventDraft(
                "step.succeeded", "2026-01-31T12:00:00.000000Z", "a", 1, {"outputs": {"text": "lorem " * 200_000}}
            )
        ]
        await store.commit("large", [], large * 6)
        async with opened(running.environ()) as log:
            await Shipper(store, log, SystemClock()).drain()
            assert await equal(store, log) == []
            assert len(await log.search(AuditQuery("lorem"))) == 6

    asyncio.run(main())


QUERIES = [
    AuditQuery("memory", limit=500),
    AuditQuery("Connection REFUSED, exited", limit=500),
    AuditQuery("refused refused killed 7", limit=500),
    AuditQuery("shard webcontainer", run="r1", limit=500),
    AuditQuery("directory", step="s3", severities=("warning", "error"), limit=500),
    AuditQuery("exited", step="s3[shard=1]", provider="e2b", limit=500),
    AuditQuery("killed 4", agent="reviewer", types=("step.failed", "run.failed"), limit=500),
    AuditQuery("signal", since="2026-01-31T12:10:00.000000Z", until="2026-01-31T12:20:00.000060Z", limit=500),
    AuditQuery("", types=("step.retrying",), limit=12),
    AuditQuery("", severities=("error",), since="2026-01-31T12:30:00.000000Z", limit=500),
    AuditQuery("zebra", limit=5),
]


def test_the_same_search_has_the_same_answer_in_weaviate_and_in_the_journal(running: Any) -> None:
    async def main() -> None:
        store, index = await filled(300, 120), JournalIndex(None)
        async with opened(running.environ()) as log:
            await Shipper(store, log, SystemClock()).drain()
            found = []
            for query in QUERIES:
                there, here = await log.search(query), await index.search(store, query)
                assert {(hit.event.run, hit.event.seq) for hit in there} == {
                    (hit.event.run, hit.event.seq) for hit in here
                }, query
                if query.words:
                    assert [hit.score for hit in there] == pytest.approx([hit.score for hit in here], rel=1e-3), query
                else:
                    assert there == here
                journal = {event.seq: event for event in await store.events("r0")}
                assert all(journal[hit.event.seq] == hit.event for hit in there if hit.event.run == "r0")
                found.append(len(here))
            assert found.count(0) == 1

    asyncio.run(main())


def test_what_somebody_changes_in_weaviate_is_found_and_mended(running: Any) -> None:
    async def main() -> None:
        store, environ = await filled(8), running.environ()
        async with opened(environ) as log, vendor(environ) as client:
            await Shipper(store, log, SystemClock()).drain()
            theirs = client.collections.use(environ["RUNNER_AUDIT_COLLECTION"])
            ids = {each.properties["seq"]: each for each in (await theirs.query.fetch_objects(limit=20)).objects}
            await theirs.data.delete_by_id(ids[2].uuid)
            await theirs.data.update(ids[3].uuid, properties={"severity": "error", "words": "all is well"})
            forged = ids[4].properties["event"].replace("exited with", "never exited with")
            await theirs.data.update(ids[4].uuid, properties={"event": forged})
            await theirs.data.insert({**ids[5].properties, "seq": 99})
            await theirs.data.insert({**ids[5].properties, "run": "never"})
            told = "\n".join(await equal(store, log))
            assert "missing: event 2;" in told
            assert "not in the journal: event 99;" in told
            assert "3 (its fields contradict its event: severity, words), 4 (its fields contradict" in told
            assert "run never: " in told
            await theirs.data.delete_many(where=_seq(99))
            await theirs.data.delete_many(where=_run("never"))
            await log.deliver(await store.events("r0"))
            assert await equal(store, log) == []

    asyncio.run(main())


def _seq(seq: int) -> Any:
    from weaviate.classes.query import Filter

    return Filter.by_property("seq").equal(seq)


def _run(run: str) -> Any:
    from weaviate.classes.query import Filter

    return Filter.by_property("run").equal(run)


def test_retention_removes_the_beginning_of_a_run(running: Any) -> None:
    async def main() -> None:
        store = await filled(30, 5)
        async with opened(running.environ()) as log:
            await Shipper(store, log, SystemClock()).drain()
            await log.forget("r0", 20)
            assert await log.counts() == {"r0": 10, "r1": 5}
            assert [copy.seq for copy in await log.copies("r0")] == list(range(21, 31))

    asyncio.run(main())


def test_tenants_do_not_see_each_other(running: Any) -> None:
    async def main() -> None:
        environ = running.environ(RUNNER_AUDIT_TENANT="one")
        async with opened(environ) as one, opened({**environ, "RUNNER_AUDIT_TENANT": "two"}) as two:
            first, second = await filled(4), await filled(2)
            await Shipper(first, one, SystemClock()).drain()
            await Shipper(second, two, SystemClock()).drain()
            assert (await one.counts(), await two.counts()) == ({"r0": 4}, {"r0": 2})
            assert len(await two.search(AuditQuery("exited"))) == 2
            assert await equal(first, one) == await equal(second, two) == []
        with pytest.raises(AuditRefused, match="keeps tenants apart"):
            async with opened({**environ, "RUNNER_AUDIT_TENANT": ""}):
                pass
        plain = running.environ()
        async with opened(plain):
            pass
        with pytest.raises(AuditRefused, match="has no tenants"):
            async with opened({**plain, "RUNNER_AUDIT_TENANT": "one"}):
                pass

    asyncio.run(main())


def test_a_key_may_be_allowed_to_write_and_read_only(running: Any) -> None:
    async def main() -> None:
        environ = running.environ()
        name = environ["RUNNER_AUDIT_COLLECTION"]
        writer = {**environ, "RUNNER_AUDIT_API_KEY": running.keys["writer"]}
        reader = {**environ, "RUNNER_AUDIT_API_KEY": running.keys["reader"]}
        store = await filled(5)
        with pytest.raises(AuditRefused, match="refuses the key"):
            async with opened(writer):
                pass
        async with opened(environ), vendor(environ) as client:
            await _allow(client, "writer", name, create=True, update=True)
            await _allow(client, "reader", name, create=False, update=False)
        async with opened(writer) as log:
            await Shipper(store, log, SystemClock()).drain()
            assert await equal(store, log) == []
            with pytest.raises(AuditRefused):
                await log.forget("r0", 5)
        async with opened(reader) as log:
            assert len(await log.search(AuditQuery("exited"))) == 5
            with pytest.raises(AuditRefused):
                await log.deliver(await store.events("r0"))

    asyncio.run(main())


async def _allow(client: Any, user: str, collection: str, *, create: bool, update: bool) -> None:
    from weaviate.classes.rbac import Permissions

    role = f"{user}{collection}"
    rights = [
        Permissions.data(collection=collection, create=create, update=update, read=True),
        Permissions.collections(collection=collection, read_config=True),
    ]
    await client.roles.create(role_name=role, permissions=rights)
    await client.users.db.assign_roles(user_id=user, role_names=role)


@pytest.mark.parametrize("key", ["", "canary-not-a-key"])
def test_without_a_good_key_nothing_is_told_but_how_to_give_one(running: Any, key: str) -> None:
    async def main() -> None:
        with pytest.raises(AuditRefused) as caught:
            async with opened(running.environ(RUNNER_AUDIT_API_KEY=key)):
                pass
        assert "RUNNER_AUDIT_API_KEY" in caught.value.hint
        assert "canary" not in caught.value.message + caught.value.hint

    asyncio.run(main())


def test_a_collection_of_somebody_else_is_left_alone(running: Any) -> None:
    async def main() -> None:
        environ = running.environ()
        async with vendor(environ) as client:
            await client.collections.create(environ["RUNNER_AUDIT_COLLECTION"])
        with pytest.raises(AuditRefused, match="was not made by this version of runner"):
            async with opened(environ):
                pass

    asyncio.run(main())


def test_two_that_make_the_collection_at_the_same_time(running: Any) -> None:
    async def main() -> None:
        environ = running.environ()
        async with opened(environ) as one, opened(environ) as two:
            assert await one.counts() == await two.counts() == {}
        again = running.environ()
        settings = audit_settings(again)
        assert settings is not None
        logs = [WeaviateLog(settings) for _ in range(4)]
        await asyncio.gather(*(log.open() for log in logs))
        assert await logs[0].counts() == {}
        for log in logs:
            await log.close()

    asyncio.run(main())


def test_a_collection_without_meanings_says_how_to_get_them(running: Any) -> None:
    async def main() -> None:
        async with opened(running.environ()) as log:
            for mode in ("semantic", "hybrid"):
                with pytest.raises(UsageError) as caught:
                    await log.search(AuditQuery("trouble", mode=mode))  # type: ignore[arg-type]
                assert "setup-semantic" in caught.value.hint

    asyncio.run(main())


def test_kill_9_of_the_server_while_it_is_written_to_loses_nothing(running: Any) -> None:
    async def main() -> None:
        store, told = await filled(4000), []
        async with opened(running.environ(), seconds=3) as log:
            shipper = Shipper(store, log, SystemClock(), told.append)
            task = asyncio.ensure_future(shipper.follow())
            await until(lambda: shipper.shipped.delivered >= 600)
            await asyncio.to_thread(running.kill)
            await until(lambda: shipper.shipped.failures > 0)
            waiting = (await store.backlog()).waiting
            assert 0 < waiting <= 3400
            await asyncio.to_thread(running.start)
            await until(lambda: shipper.shipped.delivered >= 4000)
            shipper.end()
            await task
            # What the server had acknowledged it flushed, but a power cut may take it: the journal puts it back.
            assert await equal(store, log) == []
        assert told[0].endswith("events wait in the state store")
        assert told[-1].endswith("takes events again")

    asyncio.run(main())


def test_a_server_that_is_gone_is_told_within_the_timeout(running: Any) -> None:
    async def main() -> None:
        settings = audit_settings(running.environ(RUNNER_AUDIT_URL="http://127.0.0.1:9"))
        assert settings is not None
        with pytest.raises(AuditOffline, match="does not answer"):
            await WeaviateLog(settings).open()

    asyncio.run(main())


def test_every_exception_of_the_sdk_is_known() -> None:
    import weaviate.exceptions as theirs

    from runner.store.audit_errors import GONE, KEYS, OTHERS

    found = {
        name
        for name, value in vars(theirs).items()
        if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == theirs.__name__
    }
    known = {getattr(theirs, name, type(None)).__name__ for name in found}
    bases = {"WeaviateBaseError", "_BatchStreamShutdownError"}
    assert known - bases - GONE - KEYS - OTHERS == set()
