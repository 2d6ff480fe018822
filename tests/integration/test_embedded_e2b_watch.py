"""Watching folders in boxes of the embedded endpoint, driven by the genuine SDK: every event, once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from e2b import AsyncSandbox, FilesystemEvent, FilesystemEventType, Sandbox, WatchHandle
from e2b.exceptions import FileNotFoundException, InvalidArgumentException, SandboxException, TimeoutException

from runner.embedded.e2b.launch import Endpoint

pytestmark = pytest.mark.integration
Go = Callable[[Callable[[AsyncSandbox], Awaitable[None]]], None]
CREATE, WRITE, CHMOD = FilesystemEventType.CREATE, FilesystemEventType.WRITE, FilesystemEventType.CHMOD
RENAME, REMOVE = FilesystemEventType.RENAME, FilesystemEventType.REMOVE


class Seen:
    """Collects events until a certain one."""

    def __init__(self) -> None:
        self.events: list[FilesystemEvent] = []
        self._news = asyncio.Event()

    def __call__(self, event: FilesystemEvent) -> None:
        self.events.append(event)
        self._news.set()

    @property
    def told(self) -> list[tuple[FilesystemEventType, str]]:
        """What happened to which name."""
        return [(event.type, event.name) for event in self.events]

    async def until(self, kind: FilesystemEventType, name: str) -> list[tuple[FilesystemEventType, str]]:
        """All events up to this one."""
        async with asyncio.timeout(20):
            while (kind, name) not in self.told:
                self._news.clear()
                await self._news.wait()
        return self.told


async def _stopped(handle: Any) -> None:
    await handle.stop()  # the SDK's method has no types


def _all_events(handle: WatchHandle) -> None:
    while handle.get_new_events():
        pass


def test_every_event_is_told_once_and_in_order(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        await box.files.make_dir("w/sub")
        seen = Seen()
        handle = await box.files.watch_dir("w", seen)
        await box.files.write("w/f", "new")
        assert await seen.until(WRITE, "f") == [(CREATE, "f"), (CHMOD, "f"), (WRITE, "f")]
        seen.events.clear()
        await box.files.rename("w/f", "w/g")
        await box.files.write("w/sub/deep", "not below a plain watch")
        await box.commands.run("chmod 600 w/g; rm w/g; mkdir w/last")
        assert await seen.until(CREATE, "last") == [
            (RENAME, "f"), (CREATE, "g"), (CHMOD, "g"), (REMOVE, "g"), (CREATE, "last"),
        ]  # fmt: skip
        await _stopped(handle)
        seen.events.clear()
        await box.files.write("w/after", "x")
        await asyncio.sleep(0.1)
        assert seen.events == []

    in_box(body)


def test_what_is_made_in_folders_just_made_is_not_lost(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        await box.files.make_dir("w")
        seen = Seen()
        handle = await box.files.watch_dir("w", seen, recursive=True)
        script = "for i in $(seq 1 40); do mkdir -p w/d$i/a/b; echo $i > w/d$i/a/b/f; done; mkdir w/last"
        await box.commands.run(script)
        told = await seen.until(CREATE, "last")
        for number in range(1, 41):
            names = [f"d{number}", f"d{number}/a", f"d{number}/a/b", f"d{number}/a/b/f"]
            assert [told.count((CREATE, name)) for name in names] == [1, 1, 1, 1], number
            assert (WRITE, f"d{number}/a/b/f") in told
        await box.files.make_dir("w/through/api")
        await box.files.write("w/through/api/f", "x")
        told = await seen.until(WRITE, "through/api/f")
        assert told[-3:] == [(CREATE, "through/api/f"), (CHMOD, "through/api/f"), (WRITE, "through/api/f")]
        await _stopped(handle)

    in_box(body)


def test_folders_that_move_keep_their_names_right(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        await box.commands.run("mkdir -p w/a/b out; touch w/a/b/f out/came")
        seen = Seen()
        handle = await box.files.watch_dir("w", seen, recursive=True)
        await box.commands.run("mv w/a w/z; echo x >> w/z/b/f")
        assert await seen.until(WRITE, "z/b/f") == [(RENAME, "a"), (CREATE, "z"), (WRITE, "z/b/f")]
        seen.events.clear()
        await box.commands.run("mv w/z gone")
        await seen.until(RENAME, "z")
        await asyncio.sleep(0.1)
        await box.commands.run("echo x >> gone/b/f; mv out w/in")
        await seen.until(CREATE, "in/came")
        await box.commands.run("echo x >> w/in/came")
        assert await seen.until(WRITE, "in/came") == [
            (RENAME, "z"), (CREATE, "in"), (CREATE, "in/came"), (WRITE, "in/came"),
        ]  # fmt: skip
        await _stopped(handle)

    in_box(body)


def test_the_end_of_the_watched_folder_is_told(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        for number, script in enumerate(("rm -r w0", "mv w1 elsewhere")):
            await box.files.make_dir(f"w{number}/sub")
            seen = Seen()
            handle = await box.files.watch_dir(f"w{number}", seen, recursive=True)
            await box.commands.run(script)
            await seen.until(REMOVE if number == 0 else RENAME, ".")
            await _stopped(handle)

    in_box(body)


def test_a_thousand_folders(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        await box.commands.run("for i in $(seq 1 1000); do mkdir -p w/$((i % 10))/$i; done")
        seen = Seen()
        handle = await box.files.watch_dir("w", seen, recursive=True)
        await box.commands.run("for i in $(seq 1 1000); do : > w/$((i % 10))/$i/f; done; mkdir w/last")
        told = await seen.until(CREATE, "last")
        assert len(told) == len(set(told)) == 1001
        await _stopped(handle)

    in_box(body)


def test_an_event_can_bring_what_it_is_about(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        await box.files.make_dir("w")
        seen = Seen()
        handle = await box.files.watch_dir("w", seen, include_entry=True)
        await box.files.write("w/f", "12345", metadata={"by": "test"})
        await box.files.remove("w/f")
        await box.files.write("w/g", "12345")
        await seen.until(WRITE, "g")
        entries = {(event.type, event.name): event.entry for event in seen.events}
        assert entries[REMOVE, "f"] is None
        entry = entries[WRITE, "g"]
        assert entry is not None
        assert (entry.path, entry.size, entry.owner) == ("/home/user/w/g", 5, "user")
        await _stopped(handle)

    in_box(body)


def test_what_cannot_be_watched_is_said(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        await box.files.write("file", "x")
        with pytest.raises(FileNotFoundException):
            await box.files.watch_dir("none", print)
        with pytest.raises(InvalidArgumentException, match="not a directory"):
            await box.files.watch_dir("file", print)
        ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        await box.files.watch_dir(".", print, on_exit=ended.set_result, timeout=1)
        assert isinstance(await asyncio.wait_for(ended, 20), TimeoutException)

    in_box(body)


def test_events_are_fetched_by_the_synchronous_class(embedded_e2b: Endpoint) -> None:
    with Sandbox.create(
        timeout=60,
        api_url=embedded_e2b.api_url,
        sandbox_url=embedded_e2b.sandbox_url,
        api_key=embedded_e2b.api_key,
    ) as box:
        box.files.make_dir("w")
        handle = box.files.watch_dir("w", recursive=True)
        box.files.make_dir("w/n")
        box.files.write("w/n/f", "x")
        told = [(event.type, event.name) for event in handle.get_new_events()]
        assert told == [(CREATE, "n"), (CREATE, "n/f"), (CHMOD, "n/f"), (WRITE, "n/f")]
        assert handle.get_new_events() == []
        box.commands.run("rm -r w/n")
        told = [(event.type, event.name) for event in handle.get_new_events()]
        assert told == [(REMOVE, "n/f"), (REMOVE, "n")]
        handle.stop()
        with pytest.raises(SandboxException, match="already stopped"):
            handle.get_new_events()


def test_folders_of_the_template_are_watched_too(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        # Only where boxes have users of their own may anybody in them write to more than home and /tmp.
        ranged = "range" in (await box.get_info()).envd_version
        folder, name = ("/usr/local", "bin/mine") if ranged else ("/home", "user/mine")
        seen = Seen()
        handle = await box.files.watch_dir(folder, seen, recursive=True, user="root")
        await box.files.write(f"{folder}/{name}", "#!/bin/sh\n", user="root")
        assert await seen.until(WRITE, name) == [(CREATE, name), (CHMOD, name), (WRITE, name)]
        await _stopped(handle)

    in_box(body)


def test_a_watch_that_nobody_reads_ends_with_a_reason(embedded_e2b: Endpoint) -> None:
    with Sandbox.create(
        timeout=60,
        api_url=embedded_e2b.api_url,
        sandbox_url=embedded_e2b.sandbox_url,
        api_key=embedded_e2b.api_key,
    ) as box:
        box.files.make_dir("w")
        handle = box.files.watch_dir("w")
        box.commands.run("cd w && for i in $(seq 20000); do : > a$i; : > b$i; done")
        assert len(handle.get_new_events()) > 16_000, "what was noted in time is told"
        with pytest.raises(SandboxException, match="more happened than could be noted"):
            _all_events(handle)
        assert box.commands.run("echo the box goes on").exit_code == 0
