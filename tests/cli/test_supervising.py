"""What a supervisor does when things are not as they should be. That it brings runs to their end is tried with real
processes, in tests/acceptance.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from runner.cli.supervising import Supervisor, Wishes, _mark
from runner.compiler.canonical import Json
from runner.errors import StoreError
from runner.run.owner import owner
from runner.run.ports import Change
from runner.store.lock import StoreLock
from runner.store.surreal import SurrealStore

RUN = "20260101-000000-abcdef"


class Told:
    """What the supervisor says, by the word for it."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []
        self.began = asyncio.Event()

    def __call__(self, what: str, sentence: str, about: Mapping[str, Json]) -> None:
        self.all.append((what, sentence))
        self.began.set()

    def of(self, what: str) -> list[str]:
        return [sentence for word, sentence in self.all if word == what]


def wishes(state: Path, *, once: bool = True) -> Wishes:
    return Wishes(state, "local", gateway=False, once=once, parallel=1, tries=1)


async def left_behind(state: Path) -> None:
    """A run whose process is dead, and whose plan nobody can go on with."""
    dead = {**owner(), "pid": 2**22 + 1}
    document: dict[str, Json] = {"state": "running", "owner": dead, "name": "r", "created_at": "2026-01-01T00:00:00Z"}
    store = SurrealStore(state / "state")
    await store.open()
    await store.commit(RUN, [Change("run", RUN, 0, document)], [])
    await store.close()
    folder = state / "runs" / RUN
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text("{}")


def test_a_state_folder_that_is_taken_away_ends_it(tmp_path: Path) -> None:
    state, told = tmp_path / "state", Told()

    async def main() -> None:
        work = asyncio.ensure_future(Supervisor(wishes(state, once=False), {}, told).work(asyncio.Event()))
        await told.began.wait()
        shutil.rmtree(state)
        await work

    with pytest.raises(StoreError, match="has been taken away"):
        asyncio.run(main())
    assert (told.of("stopped"), state.exists()) == (["the supervisor has stopped"], False)


@pytest.mark.parametrize("once", [True, False])
def test_a_run_whose_process_cannot_be_started_is_told_of(tmp_path: Path, once: bool) -> None:
    state, told = tmp_path / "state", Told()
    words = f"no process can be started for a run in {state}: Is a directory"

    async def main() -> None:
        await left_behind(state)
        (state / "runs" / RUN / "resume.log").mkdir()
        supervisor = Supervisor(wishes(state, once=once), {}, told)
        for _ in range(2):  # it is asked again, and told once
            await supervisor._looked()
            supervisor._next["look"], supervisor._seen = 0.0, None

    if once:
        with pytest.raises(StoreError, match=words):
            asyncio.run(main())
    else:
        asyncio.run(main())
    assert told.of("trouble") == ([] if once else [words])


def test_a_run_that_gets_no_further_is_left_alone_and_a_signal_is_told_as_shells_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, told = tmp_path / "state", Told()
    monkeypatch.setattr("sys.executable", str(killed := tmp_path / "killed"))
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o755)

    async def main() -> int:
        await left_behind(state)
        return await Supervisor(wishes(state), {}, told).work(asyncio.Event())

    assert asyncio.run(main()) == 128 + 9
    (alone,) = told.of("left-alone")
    assert f"run {RUN} was gone on with once and got no further: it is left alone" in alone
    assert f"runner resume {RUN} --state {state}" in alone


def test_a_process_that_came_and_was_killed_while_it_looked_is_not_overlooked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, lock = tmp_path / "state", StoreLock(tmp_path / "state" / "state.lock")
    monkeypatch.setattr(Supervisor, "_reap", lambda *_: lock.acquire())  # the last that is done before it is over
    supervisor = Supervisor(wishes(state, once=False), {}, Told())

    async def main() -> tuple[bool, bool, bool]:
        await supervisor._looked()
        meanwhile = supervisor._is_worth_it()
        assert lock._fd is not None
        os.close(lock._fd)  # as the kernel does for a process that is killed
        killed = supervisor._is_worth_it()
        supervisor._seen = _mark(state)
        return meanwhile, killed, supervisor._is_worth_it()

    assert asyncio.run(main()) == (False, True, False)
