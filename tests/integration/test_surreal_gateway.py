"""The store over the gateway: its conformance, many processes, and what is lost when wires and processes are cut."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from runner.embedded.surreal import notice
from runner.embedded.surreal.launch import launch
from runner.embedded.surreal.settings import Endpoint, Settings
from runner.errors import StoreConflict, StoreError, StoreLocked
from runner.run.event import EventDraft, verify
from runner.run.ports import Change, StateStore
from runner.store.conformance import CHECKS, Bench, Check
from runner.store.server import Address, Waits
from runner.store.surreal import SurrealStore
from runner.wiring import open_store
from tests.state.wire import now_and_then, wire

pytestmark = pytest.mark.integration
BRIEF = Waits(answer=0.5, patience=20.0)


def address(endpoint: Endpoint, database: str = "runner") -> Address:
    return Address(endpoint.url, endpoint.user, endpoint.password, database=database)


async def opened(where: Address, waits: Waits | None = None) -> SurrealStore:
    store = SurrealStore.at(lambda: where, waits=waits)
    await store.open()
    return store


def draft(number: int = 0) -> EventDraft:
    return EventDraft("step.ready", "2026-01-31T12:00:00.000000Z", "a", 1, {"n": number})


@contextmanager
def serving(state: Path, root: Path) -> Iterator[subprocess.Popen[str]]:
    """`runner endpoint surreal`, as people start it; its first three lines are read by whoever needs them."""
    command = [sys.executable, "-m", "runner", "endpoint", "surreal", "--state", str(state)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=root, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=30)


def exports(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(3)]
    return dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Endpoint]:
    with serving(tmp_path_factory.mktemp("shared"), root) as process:
        url, user, password = exports(process).values()
        yield Endpoint(url, user, password)


async def conforms(check: Check, where: Address) -> None:
    stores = [await opened(where)]

    async def reopen() -> StateStore:
        await stores[-1].close()
        stores.append(await opened(where))
        return stores[-1]

    try:
        await check.run(Bench(stores[0], reopen))
    finally:
        for store in stores:
            await store.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_conformance(check: Check, shared: Endpoint) -> None:
    asyncio.run(conforms(check, address(shared, check.name)))


# ---------------------------------------------------------------- many processes


def load(values: Mapping[str, str], root: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.state.load", *arguments]
    return subprocess.Popen(command, cwd=root, env={**os.environ, **values}, stdout=subprocess.PIPE, text=True)


async def check_load(where: Address, runs: Mapping[str, int], shared: str) -> None:
    """Every run has as many events as were acknowledged, each once, and so has what they share."""
    store = await opened(where)
    try:
        for run, commits in runs.items():
            events = await store.events(run)
            assert [event.data["n"] for event in events] == list(range(commits))
            assert verify(events, run, await store.head(run)) == commits
            assert [record.rev for record in await store.all(run, "step")] == [commits]
        events = await store.events(shared)
        assert verify(events, shared, await store.head(shared)) == sum(runs.values())
        written = sorted((str(event.data["by"]), int(str(event.data["n"]))) for event in events)
        assert written == sorted((run, n) for run, commits in runs.items() for n in range(commits))
    finally:
        await store.close()


def test_eight_processes_lose_no_transition(shared: Endpoint, root: Path) -> None:
    """The whole of it, 8 × 1,000, is a benchmark: `sh benchmarks/run.sh state`."""
    commits = 25
    values = {**shared.exports(), "RUNNER_STATE_DATABASE": "crowd"}
    writers = [load(values, root, f"r{n}", str(commits), "all") for n in range(8)]
    for writer in writers:
        writer.communicate(timeout=50)
    assert [writer.returncode for writer in writers] == [0] * 8
    asyncio.run(check_load(address(shared, "crowd"), {f"r{n}": commits for n in range(8)}, "all"))


def test_claims_of_many_clients_have_one_winner_each(shared: Endpoint) -> None:
    async def main() -> None:
        stores = [await opened(address(shared, "claims")) for _ in range(6)]

        async def claim(store: SurrealStore, number: int) -> int:
            try:
                await store.commit("r", [Change("step", f"s{number}", 0, {"state": "running"})], [draft(number)])
            except StoreConflict:
                return 0
            return 1

        won = [await asyncio.gather(*(claim(store, number) for store in stores)) for number in range(20)]
        assert [sum(each) for each in won] == [1] * 20
        assert verify(await stores[0].events("r"), "r", await stores[0].head("r")) == 20
        for store in stores:
            await store.close()

    asyncio.run(main())


def test_a_killed_gateway_loses_nothing_acknowledged(tmp_path: Path, root: Path) -> None:
    """Killed again and again while three processes write: they wait for the next one, and write each commit once."""
    commits = 140
    with ExitStack() as stack:
        gateway = stack.enter_context(serving(tmp_path, root))
        values = exports(gateway)
        writers = [stack.enter_context(load(values, root, f"r{n}", str(commits), "all")) for n in range(3)]
        told = writers[0].stdout
        assert told is not None
        for acknowledged in (20, 60, 100):
            while int(told.readline().split()[1]) < acknowledged:
                pass
            gateway.send_signal(signal.SIGKILL)
            gateway.wait()
            gateway = stack.enter_context(serving(tmp_path, root))
            assert exports(gateway) == values  # the same port and password, so that its clients come back
        for writer in writers:
            writer.communicate(timeout=50)
        assert [writer.returncode for writer in writers] == [0] * 3
        asyncio.run(check_load(Address(*values.values()), {f"r{n}": commits for n in range(3)}, "all"))


def test_a_wire_that_cuts_answers_off_neither_loses_nor_repeats_a_commit(shared: Endpoint) -> None:
    async def main() -> None:
        async with wire(int(shared.url.split(":")[2].partition("/")[0])) as line:
            where = Address(line.url, shared.user, shared.password, database="cut")
            store = await opened(where, BRIEF)
            line.cut = now_and_then(7, 0.15)
            for number in range(60):
                await store.commit("r", [Change("step", "a", number, {"n": number})], [draft(number)])
                await store.commit("r", [Change("box", "b", number, {"n": number})], [])
            assert line.cuts > 10
            line.cut = lambda: False
            events = await store.events("r")
            assert [event.data["n"] for event in events] == list(range(60))
            assert verify(events, "r", await store.head("r")) == 60
            assert [record.rev for record in await store.all("r", "box")] == [60]
            await store.close()

    asyncio.run(main())


def test_a_wire_that_delivers_requests_twice_does_nothing_twice(shared: Endpoint) -> None:
    async def main() -> None:
        async with wire(int(shared.url.split(":")[2].partition("/")[0])) as line:
            where = Address(line.url, shared.user, shared.password, database="twice")
            store = await opened(where, BRIEF)
            line.twice = now_and_then(5, 0.2)
            for number in range(60):
                await store.commit("r", [Change("step", "a", number, {"n": number})], [draft(number)])
            assert line.repeated > 10
            events = await store.events("r")
            assert [event.data["n"] for event in events] == list(range(60))
            assert verify(events, "r", await store.head("r")) == 60
            assert [record.rev for record in await store.all("r", "step")] == [60]
            await store.close()

    asyncio.run(main())


def test_an_answer_that_comes_too_late_is_looked_up(shared: Endpoint) -> None:
    async def main() -> None:
        async with wire(int(shared.url.split(":")[2].partition("/")[0])) as line:
            where = Address(line.url, shared.user, shared.password, database="late")
            store = await opened(where, BRIEF)
            waits = iter([2.0])
            line.delay = lambda: next(waits, 0.0)
            sealed = await store.commit("r", [Change("step", "a", 0, {})], [draft()])
            assert [event.seq for event in sealed] == [1]
            assert len(await store.events("r")) == 1
            await store.close()

    asyncio.run(main())


def test_a_lost_claim_that_somebody_else_moved_on_is_not_guessed(shared: Endpoint) -> None:
    async def main() -> None:
        other = await opened(address(shared, "moved"))
        async with wire(int(shared.url.split(":")[2].partition("/")[0])) as line:
            store = await opened(Address(line.url, shared.user, shared.password, database="moved"), BRIEF)
            await store.commit("r", [Change("step", "a", 0, {"n": 0})], [])
            ask = store._home.ask
            cuts = iter([True])

            def slow(name: str, values: dict[str, object]) -> list[object]:
                line.cut = lambda: name == "commit" and next(cuts, False)
                if name == "written" and next(steps, None):
                    asyncio.run_coroutine_threadsafe(
                        other.commit("r", [Change("step", "a", 2, {"n": 2})], []), loop
                    ).result()
                return ask(name, values)

            loop, steps = asyncio.get_running_loop(), iter([1])
            store._home.ask = slow  # type: ignore[method-assign]
            with pytest.raises(StoreError, match="nobody can tell whether step 'a' was written"):
                await store.commit("r", [Change("step", "a", 1, {"n": 1})], [])
            await store.close()
        await other.close()

    asyncio.run(main())


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    where = Address("ws://127.0.0.1:9/rpc", "u", "p")
    with pytest.raises(StoreError, match=r"ws://127\.0\.0\.1:9/rpc cannot be reached") as error:
        asyncio.run(opened(where, Waits(answer=0.2, patience=0.2)))
    assert "runner endpoint surreal" in error.value.hint


# ---------------------------------------------------------------- one folder


def test_a_served_folder_is_found_by_its_owner_and_nobody_else_opens_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with launch(Settings(str(tmp_path))) as endpoint:
            file = notice.path_of(tmp_path / "state")
            assert file.stat().st_mode & 0o777 == 0o600
            store = open_store(tmp_path)
            await store.open()
            await store.commit("r", [], [draft()])
            await store.close()
            with pytest.raises(StoreLocked):
                await SurrealStore(tmp_path / "state").open()
            with pytest.raises(StoreLocked):
                async with launch(Settings(str(tmp_path))):
                    raise AssertionError("two gateways on one folder")
            assert endpoint.password not in repr(endpoint)
        assert not file.exists()
        store = open_store(tmp_path)
        await store.open()
        assert len(await store.events("r")) == 1
        await store.close()

    asyncio.run(main())


def test_what_a_killed_gateway_left_is_not_believed(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "state.gateway").write_text("{")
        store = open_store(tmp_path)
        await store.open()
        await store.close()
        async with launch(Settings(str(tmp_path))):
            found = notice.read(tmp_path / "state")
            assert found is not None
            content = (tmp_path / "state.gateway").read_bytes()
        (tmp_path / "state.gateway").write_bytes(content)  # as after kill -9
        store = open_store(tmp_path)
        await store.open()
        await store.close()

    asyncio.run(main())


def test_the_gateway_ends_with_whoever_started_it(tmp_path: Path, root: Path) -> None:
    script = """
import asyncio, sys
from runner.embedded.surreal.launch import launch
from runner.embedded.surreal.settings import Settings

async def main():
    async with launch(Settings(sys.argv[1])) as endpoint:
        print(endpoint.url, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ws://127.0.0.1:")
        process.kill()

    async def main() -> None:
        store = SurrealStore(tmp_path / "state")
        for _ in range(500):
            try:
                await store.open()
                break
            except StoreLocked:
                await asyncio.sleep(0.02)
        await store.runs()
        await store.close()

    asyncio.run(main())


def test_the_password_is_in_no_argument_and_no_output_but_the_export_lines(tmp_path: Path, root: Path) -> None:
    values = {"RUNNER_STATE_USER": "me", "RUNNER_STATE_PASSWORD": "canary-5d1f"}
    command = [sys.executable, "-m", "runner", "endpoint", "surreal", "--state", str(tmp_path), "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=root, env={**os.environ, **values}, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "canary-5d1f" in line
        arguments = Path(f"/proc/{process.pid}/cmdline").read_text()
        process.terminate()
        out, err = process.communicate(timeout=30)
    assert "canary-5d1f" not in arguments + out + err
    left = [path for path in tmp_path.rglob("*") if path.is_file() and b"canary-5d1f" in path.read_bytes()]
    assert left == []


# ---------------------------------------------------------------- a server of one's own


_NONE = "no `surreal` on the PATH (registries have its sources, not the program): the same checks ran on the gateway"


@pytest.mark.skipif(shutil.which("surreal") is None, reason=_NONE)
def test_conformance_on_a_real_server(real_server: Address) -> None:
    for check in CHECKS:
        asyncio.run(conforms(check, replace(real_server, database=check.name)))


@pytest.fixture(scope="module")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    import socket
    import time

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    values = {"SURREAL_USER": "root", "SURREAL_PASS": "root-of-a-test", "SURREAL_SYNC_DATA": "true"}
    command = ["surreal", "start", "--bind", f"127.0.0.1:{port}", "--log", "none", f"surrealkv://{folder}/state.db"]
    with subprocess.Popen(command, env={**os.environ, **values}) as process:
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield Address(f"ws://127.0.0.1:{port}/rpc", "root", "root-of-a-test")
        process.terminate()
