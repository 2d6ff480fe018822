"""States that older versions of runner wrote, kept as they wrote them, open and go on."""

from __future__ import annotations

import asyncio
import tarfile
from pathlib import Path

import pytest

from runner.run.event import EventDraft, verify
from runner.run.ports import Change, DeadLetter
from runner.store.migration import VERSION
from runner.store.surreal import SurrealStore

pytestmark = pytest.mark.integration
#: One file for each version before this one, made by the code of its time: a run of five events, two of them delivered.
STATES = Path(__file__).resolve().parents[1] / "store" / "states"


def test_each_older_version_has_its_state() -> None:
    assert sorted(path.name for path in STATES.iterdir()) == [f"version-{n}.tar.gz" for n in range(1, VERSION)]


@pytest.mark.parametrize("version", range(1, VERSION))
def test_an_older_state_goes_on(tmp_path: Path, version: int) -> None:
    with tarfile.open(STATES / f"version-{version}.tar.gz") as tar:
        tar.extractall(tmp_path, filter="data")

    async def main() -> None:
        for rev in (4, 5):  # the second opening finds it brought up
            store = SurrealStore(tmp_path / "state")
            await store.open()
            assert [record.key for record in await store.runs()] == ["old"]
            assert [record.rev for record in await store.all("old", "step")] == [rev]
            await store.commit("old", [Change("step", "a", rev, {"n": rev})], [EventDraft("step.ready", "2026")])
            assert verify(await store.events("old"), "old", await store.head("old")) == rev + 2
            waiting = await store.outbox()
            await store.reject([DeadLetter(waiting[0], "no", "2026")])
            assert (len(await store.outbox()), len(await store.dead())) == (3, rev - 3)
            await store.close()

    asyncio.run(main())
