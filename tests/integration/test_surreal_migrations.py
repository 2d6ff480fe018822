"""States that older versions of runner wrote, kept as they wrote them, open and go on."""

from __future__ import annotations

import asyncio
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from runner.compiler.canonical import Json
from runner.errors import StoreError
from runner.run.event import Event, EventDraft, verify
from runner.run.ports import Change
from runner.run.replay import compared
from runner.run.stored import DeadLetter, Edge
from runner.store import fill, migration
from runner.store.fill import derived
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
            assert [record.key for record in await store.runs()][-1:] == ["old"]
            assert [record.rev for record in await store.all("old", "step")] == [rev]
            await store.commit("old", [Change("step", "a", rev, {"n": rev})], [EventDraft("step.ready", "2026")])
            assert verify(await store.events("old"), "old", await store.head("old")) == rev + 2
            waiting = await store.outbox()
            await store.reject([DeadLetter(waiting[0], "no", "2026")])
            assert (len(await store.outbox()), len(await store.dead())) == (3, rev - 3)
            await store.close()

    asyncio.run(main())


#: A run that version 2 kept: one step made an artifact, the next one failed and was tried again, somebody was asked.
_MADE = "20270115-080001-800000"


def test_a_run_of_version_2_gets_its_attempts_questions_and_edges(tmp_path: Path) -> None:
    with tarfile.open(STATES / "version-2.tar.gz") as tar:
        tar.extractall(tmp_path, filter="data")

    async def main() -> None:
        store = SurrealStore(tmp_path / "state")
        await store.open()
        [box] = [record.key for record in await store.all(_MADE, "box")]
        attempts = {record.key: record.data for record in await store.all(_MADE, "attempt")}
        assert {key: (each["state"], each["exit_code"], each["box"]) for key, each in attempts.items()} == {
            "build#1": ("succeeded", 0, box),
            "read#1": ("failed", 1, box),
            "read#2": ("succeeded", 0, box),
        }
        assert attempts["read#1"]["message"] == "exit code 1: hello"
        assert "usd" in attempts["build#1"]
        assert "usd" not in attempts["read#2"], "nobody knows which of the two has cost what"
        [question] = await store.all(_MADE, "approval")
        decision = question.data["decision"]
        assert isinstance(decision, dict)
        assert (question.key, question.data["prompt"], decision["decision"]) == (
            "gate/approve-1",
            "Ship it?",
            "approve",
        )
        assert await store.edges(_MADE) == [Edge("produced", "build", "build/dist"), Edge("used", _MADE, box)]
        assert (await compared(store, _MADE)).differences == ()
        await store.commit(_MADE, [Change("attempt", "read#2", 1, {"n": 2})], [])
        await store.close()

    asyncio.run(main())


def test_what_retention_has_cut_off_is_left_out() -> None:
    def event(type_: str, **data: Json) -> Event:
        return Event("r", 7, "2026", type_, "a", 2, data, "", "")

    late = [event("step.failed", message="no"), event("approval.decided", question="q", decision="approve")]
    assert derived(late, {"a": {"attempt": 2}}) == {"attempt": {}, "approval": {}}
    begun = derived([event("step.started")], {"a": {"attempt": 2, "box": "b", "provider": None}})["attempt"]["a#2"]
    assert (begun["state"], begun["box"], "provider" in begun) == ("running", "b", False)


def test_a_state_that_was_being_brought_up_by_a_process_that_died_is_brought_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(STATES / "version-2.tar.gz") as tar:
        tar.extractall(tmp_path, filter="data")
    monkeypatch.setattr(fill, "_PAGE", 2)

    def dies_at(place: int) -> Callable[[fill.Ask], None]:
        def fill_in(ask: fill.Ask) -> None:
            parts = 0

            def counted(name: str, values: dict[str, object]) -> list[object]:
                nonlocal parts
                parts += name == "fill"
                if place and parts == place:
                    raise StoreError("killed")
                found = ask(name, values)
                rows = found if name == "events" else [values.get("attempts", []), values.get("edges", [])]
                assert max(len(cast("list[object]", each)) for each in rows) <= 2, "all at once"
                return found

            fill.fill_in(counted)

        return fill_in

    async def main() -> None:
        store = SurrealStore(tmp_path / "state")
        for place in (1, 2, 3, 4):
            monkeypatch.setattr(migration, "fill_in", dies_at(place))
            with pytest.raises(StoreError, match="killed"):
                await store.open()
        monkeypatch.setattr(migration, "fill_in", dies_at(0))
        await store.open()
        assert [each.key for each in await store.all(_MADE, "attempt")] == ["build#1", "read#1", "read#2"]
        assert len(await store.all(_MADE, "approval")) == 1
        assert len(await store.edges(_MADE)) == 2
        assert (await compared(store, _MADE)).differences == ()
        await store.close()

    asyncio.run(main())
