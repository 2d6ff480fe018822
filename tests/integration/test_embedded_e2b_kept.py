"""What survives the embedded endpoint in a folder of its own: paused boxes and snapshots, by the genuine SDK."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from e2b import AsyncSandbox, SandboxState
from e2b.exceptions import SandboxNotFoundException

from runner.embedded.e2b.launch import Endpoint, launch
from runner.embedded.e2b.settings import Settings
from runner.errors import RunnerError, ServiceError

pytestmark = pytest.mark.integration


def _where(endpoint: Endpoint, key: str = "") -> dict[str, Any]:
    return {
        "api_url": endpoint.api_url,
        "sandbox_url": endpoint.sandbox_url,
        "api_key": key or endpoint.api_key,
        "retries": 0,
    }


@asynccontextmanager
async def _serving(folder: Path) -> AsyncIterator[Endpoint]:
    async with launch(Settings(folder=str(folder), keep=True)) as endpoint:
        yield endpoint


def _edge(endpoint: Endpoint) -> psutil.Process:
    """The process that serves this endpoint; the session's is a child of ours as well."""
    port = int(endpoint.api_url.rpartition(":")[2])
    (edge,) = [
        child
        for child in psutil.Process().children()
        if any(each.laddr.port == port and each.status == "LISTEN" for each in child.net_connections("tcp"))
    ]
    return edge


def test_paused_boxes_snapshots_and_running_ones_survive_a_restart(tmp_path: Path) -> None:
    async def first() -> tuple[str, dict[str, str], str]:
        async with _serving(tmp_path) as endpoint:
            where = _where(endpoint)
            boxes = {}
            for kind in ("running", "held", "resting"):
                box = await AsyncSandbox.create(timeout=60, metadata={"kind": kind}, envs={"KIND": kind}, **where)
                await box.files.write("kind.txt", kind)
                boxes[kind] = box
            snapshot = await boxes["held"].create_snapshot(name="before")
            await boxes["held"].pause()
            await boxes["resting"].pause(keep_memory=False)
            return endpoint.api_key, {kind: box.sandbox_id for kind, box in boxes.items()}, snapshot.snapshot_id

    async def second(key: str, names: dict[str, str], snapshot: str) -> None:
        async with _serving(tmp_path) as endpoint:
            where = _where(endpoint, key)
            pages = AsyncSandbox.list(**where)
            listed = {info.sandbox_id: info for info in await pages.next_items()}
            assert set(listed) == set(names.values())
            assert {info.state for info in listed.values()} == {SandboxState.PAUSED}
            for kind, name in names.items():
                assert listed[name].metadata == {"kind": kind}
                box = await AsyncSandbox.connect(name, timeout=60, **where)
                assert (await box.commands.run("cat kind.txt; echo $KIND")).stdout == f"{kind}{kind}\n"
                assert await box.kill()
            made = await AsyncSandbox.create(snapshot, timeout=60, **where)
            assert await made.files.read("kind.txt") == "held"
            await made.kill()
            assert await AsyncSandbox.delete_snapshot(snapshot, **where)

    told = asyncio.run(first())
    asyncio.run(second(*told))
    kept = tmp_path / "kept"
    assert json.loads((kept / "index.json").read_text()) == {"version": 1, "snapshots": [], "boxes": []}
    assert not list((kept / "layers").iterdir()), "what nobody uses is removed"
    assert "access_token" not in (kept / "index.json").read_text()


def _anyone(words: str) -> bool:
    found = (each.info["cmdline"] for each in psutil.process_iter(["cmdline"]))
    return any(" ".join(line or ()) == words for line in found)


def test_after_kill_9_what_was_paused_is_there_and_what_ran_rests_as_files(tmp_path: Path) -> None:
    async def first() -> tuple[str, AsyncSandbox, list[str], str]:
        async with _serving(tmp_path) as endpoint:
            where = _where(endpoint)
            paused = await AsyncSandbox.create(timeout=60, **where)
            await paused.files.write("f", "whole")
            snapshot = await paused.create_snapshot()
            await paused.pause()
            brief = await AsyncSandbox.create(timeout=1, **where)
            running = await AsyncSandbox.create(snapshot.snapshot_id, timeout=1, envs={"KIND": "mine"}, **where)
            await running.set_timeout(300)
            await running.files.write("mine", "of the one that ran\n")
            await running.commands.run("setsid sleep 8461.5 & sleep 8461.5", background=True)
            edge = _edge(endpoint)
            edge.kill()
            await asyncio.to_thread(edge.wait)
            return endpoint.api_key, paused, [running.sandbox_id, brief.sandbox_id], snapshot.snapshot_id

    async def second(key: str, paused: AsyncSandbox, ran: list[str], snapshot: str) -> None:
        assert not _anyone("sleep 8461.5")
        half = tmp_path / "kept" / "layers" / ".making-half"
        half.mkdir()
        async with _serving(tmp_path) as endpoint:
            where = _where(endpoint, key)
            assert not half.exists()
            await asyncio.sleep(1.1)  # the whole life of the brief one, however quick all this was
            with pytest.raises(SandboxNotFoundException):
                await AsyncSandbox.connect(ran[1], **where)
            risen = await AsyncSandbox.connect(ran[0], timeout=60, **where)
            said = await risen.commands.run("cat f mine; echo $KIND; pgrep sleep || echo alone")
            assert said.stdout == "wholeof the one that ran\nmine\nalone\n"
            await risen.kill()
            again = await AsyncSandbox.connect(paused.sandbox_id, timeout=60, **where)
            assert again._envd_access_token == paused._envd_access_token, "who holds the box may go on to use it"
            for box in (again, await AsyncSandbox.create(snapshot, timeout=60, **where)):
                assert await box.files.read("f") == "whole"
                await box.kill()

    asyncio.run(second(*asyncio.run(first())))


def test_a_box_started_anew_is_not_what_it_was_when_it_was_paused(tmp_path: Path) -> None:
    async def first() -> tuple[str, str]:
        async with _serving(tmp_path) as endpoint:
            box = await AsyncSandbox.create(timeout=60, **_where(endpoint))
            await box.files.write("f", "old")
            await box.pause()
            await box.connect(timeout=60, on_resume="reboot")
            await box.files.write("f", "new")
            return endpoint.api_key, box.sandbox_id

    async def second(key: str, name: str) -> None:
        async with _serving(tmp_path) as endpoint:
            box = await AsyncSandbox.connect(name, timeout=60, **_where(endpoint, key))
            assert await box.files.read("f") == "new"
            await box.kill()

    asyncio.run(second(*asyncio.run(first())))
    assert not list((tmp_path / "kept" / "layers").iterdir())


def test_one_folder_is_for_one_endpoint_at_a_time(tmp_path: Path) -> None:
    async def go() -> None:
        async with _serving(tmp_path):
            with pytest.raises(ServiceError, match="another endpoint"):
                async with _serving(tmp_path):
                    pytest.fail("two endpoints serve one folder")

    asyncio.run(go())


def test_an_index_that_cannot_be_read_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    index = tmp_path / "kept" / "index.json"
    for text, says in (('{"version": 99}', "version 99"), ("{", "cannot be read")):
        index.write_text(text)

        async def go() -> None:
            async with _serving(tmp_path):
                pytest.fail("it serves")

        with pytest.raises(RunnerError) as caught:
            asyncio.run(go())
        assert says in caught.value.message
        assert "--folder" in caught.value.hint
        assert index.read_text() == text


def test_without_keep_nothing_is_left(tmp_path: Path) -> None:
    async def go() -> None:
        async with launch(Settings(folder=str(tmp_path))) as endpoint:
            box = await AsyncSandbox.create(timeout=60, **_where(endpoint))
            await box.create_snapshot()
            await box.pause(keep_memory=False)

    asyncio.run(go())
    assert not list(tmp_path.iterdir())


_AS_ONE_USER = """
import asyncio, sys
from e2b import AsyncSandbox
from runner.embedded.e2b.launch import launch
from runner.embedded.e2b.settings import Settings

async def main():
    settings = Settings(folder=sys.argv[1], keep=True)
    async with launch(settings) as it:
        where = {"api_url": it.api_url, "sandbox_url": it.sandbox_url, "api_key": it.api_key}
        box = await AsyncSandbox.create(timeout=60, **where)
        assert (await box.get_info()).envd_version.endswith(".one")
        await box.commands.run("echo first > f; touch gone")
        snapshot = await box.create_snapshot()
        (fork,) = await box.fork(timeout=60)
        await fork.commands.run("echo more >> f; rm gone")
        for _ in range(9):  # more than the layers that a box stands on
            await fork.pause(keep_memory=False)
            await fork.connect(timeout=60)
        print((await fork.commands.run("cat f; ls")).stdout.split())
        await fork.pause()
    async with launch(settings) as it:
        where = {"api_url": it.api_url, "sandbox_url": it.sandbox_url, "api_key": where["api_key"]}
        again = await AsyncSandbox.connect(fork.sandbox_id, timeout=60, **where)
        print((await again.commands.run("cat f; ls")).stdout.split())
        made = await AsyncSandbox.create(snapshot.snapshot_id, timeout=60, **where)
        print((await made.commands.run("cat f; ls")).stdout.split())

asyncio.run(main())
"""


def test_all_this_holds_where_boxes_have_one_user(tmp_path: Path, missing: Callable[[str], None]) -> None:
    words = ["unshare", "--user", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], check=False, capture_output=True).returncode:
        missing("this machine makes no user namespaces by `unshare` (apt-get install util-linux)")
    done = subprocess.run(
        [*words, sys.executable, "-c", _AS_ONE_USER, str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    changed, first = "['first', 'more', 'f']", "['first', 'f', 'gone']"
    assert done.stdout.splitlines() == [changed, changed, first], done.stderr


@contextmanager
def _resting(folder: Path) -> Iterator[tuple[Endpoint, subprocess.Popen[str]]]:
    """An endpoint whose parent is about to die: nothing says that its end is meant."""
    settings = Settings(with_parent=True, rest=str(folder), patience=20).as_json()
    words = [sys.executable, "-P", "-m", "runner.embedded.e2b", settings]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Endpoint(**json.loads(process.stdout.readline())), process


def test_boxes_rest_when_whoever_started_the_endpoint_dies_and_for_two_weeks(tmp_path: Path) -> None:
    async def died() -> str:
        with _resting(tmp_path) as (endpoint, process):
            box = await AsyncSandbox.create(timeout=60, **_where(endpoint))
            await box.files.write("/home/user/kept", "text")
            process.communicate("")
        assert process.returncode == 0
        return box.sandbox_id

    async def main() -> None:
        box = await died()
        async with launch(Settings(rest=str(tmp_path))) as endpoint:
            found = await AsyncSandbox.connect(box, **_where(endpoint))
            assert await found.files.read("/home/user/kept") == "text"
        # This end was meant: nothing rests after it.
        async with launch(Settings(rest=str(tmp_path))) as endpoint:
            with pytest.raises(SandboxNotFoundException):
                await AsyncSandbox.connect(box, **_where(endpoint))
        old = await died()
        index = tmp_path / "kept" / "index.json"
        value = json.loads(index.read_text())
        value["boxes"][0]["paused_at"] -= 15 * 86_400
        index.write_text(json.dumps(value))
        async with launch(Settings(rest=str(tmp_path))) as endpoint:
            with pytest.raises(SandboxNotFoundException):
                await AsyncSandbox.connect(old, **_where(endpoint))

    asyncio.run(main())
    assert not tmp_path.exists(), "nothing rests there, and it was made for nothing else"


def test_boxes_go_on_resting_when_whoever_comes_back_for_them_dies_before_the_endpoint_serves(tmp_path: Path) -> None:
    async def main() -> None:
        with _resting(tmp_path) as (endpoint, process):
            box = await AsyncSandbox.create(timeout=60, **_where(endpoint))
            await box.files.write("/home/user/kept", "text")
            process.communicate("")
        settings = Settings(with_parent=True, rest=str(tmp_path)).as_json()
        words = [sys.executable, "-P", "-m", "runner.embedded.e2b", settings]
        pipe = subprocess.PIPE
        with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe) as dying:  # noqa: ASYNC220 - it is killed
            assert dying.stdin is not None
            assert dying.stdout is not None
            assert dying.stderr is not None
            dying.stdout.close()
            told = dying.stderr.read()
            dying.stdin.close()
        assert (dying.returncode, told) == (0, b"")
        async with launch(Settings(rest=str(tmp_path))) as endpoint:
            found = await AsyncSandbox.connect(box.sandbox_id, **_where(endpoint))
            assert await found.files.read("/home/user/kept") == "text"

    asyncio.run(main())


def test_a_folder_to_rest_in_that_another_endpoint_has_is_done_without(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            launch(Settings(rest=str(tmp_path))) as first,
            launch(Settings(rest=str(tmp_path), patience=0.2)) as second,
        ):
            for endpoint in (first, second):
                box = await AsyncSandbox.create(timeout=60, **_where(endpoint))
                assert (await box.commands.run("echo served")).stdout == "served\n"
                await box.kill()

    asyncio.run(main())


def test_a_box_that_was_found_ends_when_its_time_is_over(tmp_path: Path) -> None:
    async def first() -> None:
        async with _serving(tmp_path) as endpoint:
            await AsyncSandbox.create(timeout=6, **_where(endpoint))
            (tmp_path / "key").write_text(endpoint.api_key)
            (edge := _edge(endpoint)).kill()
            await asyncio.to_thread(edge.wait)

    async def second() -> None:
        async with _serving(tmp_path) as endpoint:
            where = _where(endpoint, (tmp_path / "key").read_text())
            found = await AsyncSandbox.list(**where).next_items()
            while found:
                assert found[0].state == SandboxState.PAUSED
                await asyncio.sleep(0.2)
                found = await AsyncSandbox.list(**where).next_items()

    asyncio.run(first())
    asyncio.run(second())
    assert not list((tmp_path / "kept" / "layers").iterdir())
