"""Many at once, and one thing in the middle of another: boxes, keys, ends; nothing is left of them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from e2b import AsyncSandbox
from e2b.exceptions import RateLimitException, SandboxException, SandboxNotFoundException

from runner.embedded.e2b.launch import Endpoint, launch
from runner.embedded.e2b.settings import Settings

pytestmark = pytest.mark.integration

_CROWD = 16


@asynccontextmanager
async def _serving(folder: Path) -> AsyncIterator[Endpoint]:
    async with launch(Settings(folder=str(folder))) as endpoint:
        yield endpoint


def _where(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "api_url": endpoint.api_url,
        "sandbox_url": endpoint.sandbox_url,
        "api_key": endpoint.api_key,
        "retries": 0,
    }


def _left(folder: Path, edge: psutil.Process) -> dict[str, list[str]]:
    """What boxes have on the host: processes, folders, mounts of the edge."""
    (state,) = [each for each in folder.iterdir() if each.name.startswith("runner-e2b-")]
    mounts = [line.split()[4] for line in Path(f"/proc/{edge.pid}/mountinfo").read_text().splitlines()]
    return {
        "processes": sorted(each.name() for each in edge.children(recursive=True)),
        "folders": sorted(each.name for each in (state / "boxes").iterdir()),
        "layers": sorted(each.name for each in (state / "kept" / "layers").iterdir()),
        "mounts": sorted(place for place in mounts if str(state / "disks") in place),
    }


def _kept_layers(folder: Path) -> list[str]:
    return [each.name for each in folder.glob("runner-e2b-*/kept/layers/*")]


async def _nothing_left(folder: Path, edge: psutil.Process) -> None:
    left: dict[str, list[str]] = {}
    for _ in range(100):
        left = _left(folder, edge)
        if not left["folders"] and "bwrap" not in left["processes"] and not left["layers"]:
            break
        await asyncio.sleep(0.1)
    assert not left["folders"]
    assert not left["layers"]
    assert "bwrap" not in left["processes"]
    assert len(left["mounts"]) <= 4, "no more than the disks that are kept ready"


def test_a_crowd_is_made_works_and_leaves_nothing(tmp_path: Path) -> None:
    async def go() -> None:
        async with _serving(tmp_path) as endpoint:
            where, edge = _where(endpoint), _own(endpoint)
            boxes = await asyncio.gather(*(AsyncSandbox.create(timeout=300, **where) for _ in range(_CROWD)))
            assert len({box.sandbox_id for box in boxes}) == _CROWD
            said = await asyncio.gather(*(box.commands.run(f"echo {n}") for n, box in enumerate(boxes)))
            assert [each.stdout for each in said] == [f"{n}\n" for n in range(_CROWD)]
            await asyncio.gather(*(box.pause(keep_memory=n % 4 == 0) for n, box in enumerate(boxes) if n % 2))
            assert all(await asyncio.gather(*(box.kill() for box in boxes)))
            await _nothing_left(tmp_path, edge)

    asyncio.run(go())
    assert not list(tmp_path.iterdir())


def _own(endpoint: Endpoint) -> psutil.Process:
    """The process that serves this endpoint."""
    port = int(endpoint.api_url.rpartition(":")[2])
    for each in psutil.Process().children():
        if any(one.laddr.port == port and one.status == "LISTEN" for one in each.net_connections("tcp")):
            return each
    raise AssertionError(f"no child of ours listens on {port}")


def test_one_key_makes_one_box_however_many_ask_at_once(embedded_e2b: Endpoint) -> None:
    async def go() -> None:
        headers = {"X-API-KEY": embedded_e2b.api_key, "Idempotency-Key": uuid.uuid4().hex}
        async with httpx.AsyncClient(base_url=embedded_e2b.api_url, headers=headers) as client:
            body = {"templateID": "base", "timeout": 30}
            answers = await asyncio.gather(*(client.post("/v2/sandboxes", json=body) for _ in range(6)))
            assert {answer.status_code for answer in answers} == {201}
            (name,) = {answer.json()["sandboxID"] for answer in answers}
            other = await client.post("/v2/sandboxes", json={**body, "timeout": 31})
            assert (other.status_code, other.json()["error_code"]) == (409, "idempotency_request_mismatch")
            assert (await client.delete(f"/sandboxes/{name}")).status_code == 204

    asyncio.run(go())


def test_a_key_whose_box_could_not_be_made_may_be_used_again(tmp_path: Path) -> None:
    async def go() -> None:
        async with launch(Settings(folder=str(tmp_path), quota=1)) as endpoint:
            headers = {"X-API-KEY": endpoint.api_key, "Idempotency-Key": "once"}
            first = await AsyncSandbox.create(timeout=60, **_where(endpoint))
            async with httpx.AsyncClient(base_url=endpoint.api_url, headers=headers) as client:
                body = {"templateID": "base"}
                assert (await client.post("/v2/sandboxes", json=body)).status_code == 429
                await first.kill()
                assert (await client.post("/v2/sandboxes", json=body)).status_code == 201

    asyncio.run(go())


def test_many_who_wake_a_box_at_once_take_one_place(tmp_path: Path) -> None:
    async def go() -> None:
        async with launch(Settings(folder=str(tmp_path), quota=1)) as endpoint:
            lifecycle: Any = {"on_timeout": "pause", "auto_resume": True}
            box = await AsyncSandbox.create(timeout=60, lifecycle=lifecycle, **_where(endpoint))
            await box.pause()
            said = await asyncio.gather(*(box.commands.run(f"echo {n}") for n in range(4)))
            assert [each.stdout for each in said] == ["0\n", "1\n", "2\n", "3\n"]
            for keep in (True, False):
                await box.pause(keep_memory=keep)
                await asyncio.gather(*(box.connect(timeout=60) for _ in range(4)))
            await box.pause()
            other = await AsyncSandbox.create(timeout=60, **_where(endpoint))
            with pytest.raises(RateLimitException):
                await box.connect()
            with pytest.raises(RateLimitException):
                await box.commands.run("true")
            await other.kill()
            assert (await box.commands.run("echo on")).stdout == "on\n"

    asyncio.run(go())


def test_killing_a_box_in_the_middle_of_something_leaves_nothing(tmp_path: Path) -> None:
    async def go() -> None:
        async with _serving(tmp_path) as endpoint:
            where, edge = _where(endpoint), _own(endpoint)
            boxes = [await AsyncSandbox.create(timeout=300, **where) for _ in range(5)]
            await boxes[4].pause(keep_memory=False)
            middle = (
                boxes[0].create_snapshot(), boxes[1].fork(timeout=60), boxes[2].pause(keep_memory=False),
                boxes[3].pause(), boxes[4].connect(),
            )  # fmt: skip
            tasks = [asyncio.ensure_future(each) for each in middle]
            await asyncio.sleep(0.01)
            await asyncio.gather(*(box.kill() for box in boxes))
            for done in await asyncio.gather(*tasks, return_exceptions=True):
                assert not isinstance(done, BaseException) or isinstance(done, SandboxException), repr(done)
            for box in boxes:
                with pytest.raises(SandboxNotFoundException):
                    await box.get_info()
            for info in await AsyncSandbox.list(**where).next_items():  # the fork may have been made
                await AsyncSandbox.kill(info.sandbox_id, **where)
            for snapshot in await AsyncSandbox.list_snapshots(**where).next_items():
                await AsyncSandbox.delete_snapshot(snapshot.snapshot_id, **where)
            await _nothing_left(tmp_path, edge)

    asyncio.run(go())
    assert not list(tmp_path.iterdir())


def test_a_box_that_rests_often_does_not_pile_up_layers(tmp_path: Path) -> None:
    turns = 11

    async def go() -> None:
        async with _serving(tmp_path) as endpoint:
            box = await AsyncSandbox.create(timeout=60, **_where(endpoint))
            await box.commands.run("mkdir d; echo 0 > d/0; echo first > stays; echo t > /tmp/t")
            for turn in range(1, turns + 1):
                await box.pause(keep_memory=False)
                await box.connect(timeout=60)
                # What was there is taken away and made anew: a folder that hides the one below.
                await box.commands.run(
                    f"rm -r d; mkdir d; echo {turn} > d/{turn}; touch gone-{turn}; rm -f gone-{turn - 1}"
                )
            said = await box.commands.run("ls d; cat d/*; ls; cat stays /tmp/t")
            assert said.stdout.split() == f"{turns} {turns} d gone-{turns} stays first t".split()
            assert 0 < len(_kept_layers(tmp_path)) <= 8
            await box.kill()

    asyncio.run(go())


def test_a_box_whose_time_is_set_at_its_very_end_lives_or_is_gone(embedded_e2b: Endpoint) -> None:
    async def one(delay: float) -> None:
        where = _where(embedded_e2b)
        box = await AsyncSandbox.create(timeout=1, **where)
        await asyncio.sleep(delay)
        try:
            await box.set_timeout(60)
        except SandboxNotFoundException:
            assert await box.is_running() is False
        else:
            await asyncio.sleep(0.2)
            assert await box.is_running() is True
            await box.kill()

    async def go() -> None:
        await asyncio.gather(*(one(0.9 + n * 0.03) for n in range(6)))

    asyncio.run(go())


def test_an_endpoint_that_ends_while_boxes_are_made_leaves_nothing(tmp_path: Path) -> None:
    async def go() -> list[psutil.Process]:
        async with _serving(tmp_path) as endpoint:
            edge = _own(endpoint)
            making = [asyncio.ensure_future(AsyncSandbox.create(**_where(endpoint))) for _ in range(6)]
            await asyncio.wait(making, return_when=asyncio.FIRST_COMPLETED)
            family = [edge, *edge.children(recursive=True)]
        await asyncio.gather(*making, return_exceptions=True)
        return family

    family = asyncio.run(go())
    assert not [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    assert not list(tmp_path.iterdir())
