"""Volumes of the embedded endpoint, driven by the genuine SDK: content over HTTP, mounts shared by boxes."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from e2b import AsyncSandbox, AsyncVolume, Sandbox, SandboxState, Volume
from e2b.exceptions import AuthenticationException, NotFoundException, SandboxException, VolumeException

from runner.embedded.e2b.launch import Endpoint

pytestmark = pytest.mark.integration


@pytest.fixture
def where(embedded_e2b: Endpoint, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("E2B_VOLUME_API_URL", embedded_e2b.api_url)
    return {
        "api_url": embedded_e2b.api_url,
        "sandbox_url": embedded_e2b.sandbox_url,
        "api_key": embedded_e2b.api_key,
        "retries": 0,
    }


@pytest.fixture
def control(where: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in where.items() if key != "sandbox_url"}


@pytest.fixture
def volume(control: dict[str, Any]) -> Iterator[Volume]:
    made = Volume.create(f"test-{uuid4()}", **control)
    yield made
    Volume.destroy(made.volume_id, **control)


def test_volumes_are_made_listed_found_and_destroyed(control: dict[str, Any]) -> None:
    name = f"life-{uuid4()}"
    made = Volume.create(name, **control)
    with pytest.raises(VolumeException, match="already exists"):
        Volume.create(name, **control)
    with pytest.raises(VolumeException, match="Invalid volume name"):
        Volume.create("no spaces", **control)
    assert (made.volume_id, name) in [(each.volume_id, each.name) for each in Volume.list(**control)]
    assert Volume.connect(made.volume_id, **control).name == name
    assert Volume.destroy(made.volume_id, **control) is True
    assert Volume.destroy(made.volume_id, **control) is False
    with pytest.raises(NotFoundException):
        Volume.get_info(made.volume_id, **control)


def test_files_are_written_read_described_and_removed(volume: Volume) -> None:
    volume.write_file("/a.txt", "Hello", uid=1000, gid=1000, mode=0o640)
    assert volume.read_file("/a.txt") == "Hello"
    volume.write_file("/big", io.BytesIO(bytes(range(256)) * 20_000))
    assert volume.read_file("/big", format="bytes") == bytes(range(256)) * 20_000
    assert b"".join(volume.read_file("/big", format="stream")) == bytes(range(256)) * 20_000
    volume.write_file("/empty", "")
    assert volume.read_file("/empty") == ""
    info = volume.get_info("/a.txt")
    assert (info.name, info.type.value, info.path, info.size) == ("a.txt", "file", "/a.txt", 5)
    assert (info.uid, info.gid, info.mode) == (1000, 1000, 0o640)
    assert volume.update_metadata("/a.txt", mode=0o600).mode == 0o600
    with pytest.raises(VolumeException):
        volume.write_file("/a.txt", "Other", force=False)
    volume.write_file("/a.txt", "Other", force=True)
    assert volume.read_file("/a.txt") == "Other"
    volume.remove("/a.txt")
    assert volume.exists("/a.txt") is False
    for missing in (volume.get_info, volume.remove, volume.list, volume.read_file):
        with pytest.raises(NotFoundException):
            missing("/a.txt")


def test_folders_are_made_listed_and_removed(volume: Volume) -> None:
    with pytest.raises(NotFoundException):
        volume.make_dir("/deep/er")
    assert volume.make_dir("/deep/er", force=True, mode=0o700).mode & 0o777 == 0o700
    with pytest.raises(VolumeException):
        volume.make_dir("/deep/er", force=False)
    volume.write_file("/deep/er/file", "x")
    assert [each.path for each in volume.list("/")] == ["/deep"]
    assert [each.path for each in volume.list("/", depth=3)] == ["/deep", "/deep/er", "/deep/er/file"]
    volume.remove("/deep")
    assert volume.list("/") == []


def test_a_volume_s_token_opens_that_volume_only(volume: Volume, control: dict[str, Any]) -> None:
    other = Volume.create(f"other-{uuid4()}", **control)
    try:
        with pytest.raises(AuthenticationException):
            volume.list("/", token=other.token)
        with pytest.raises(AuthenticationException):
            volume.list("/", token=control["api_key"])
    finally:
        Volume.destroy(other.volume_id, **control)


def test_boxes_share_a_mounted_volume_and_it_outlives_them(volume: Volume, where: dict[str, Any]) -> None:
    volume.write_file("/before", "by HTTP")
    first = Sandbox.create(volume_mounts={"/mnt/data": volume}, timeout=60, **where)
    second = Sandbox.create(volume_mounts={"/home/user/data": volume}, timeout=60, **where)
    try:
        assert first.files.read("/mnt/data/before") == "by HTTP"
        first.commands.run("echo written > /mnt/data/hello && mkdir /mnt/data/folder")
        assert second.commands.run("cat /home/user/data/hello").stdout == "written\n"
        assert volume.read_file("/hello") == "written\n"
        assert [each.mount_path for each in _mounts(first)] == ["/mnt/data"]
    finally:
        first.kill()
        second.kill()
    assert volume.read_file("/hello") == "written\n"
    info = volume.get_info("/hello")
    assert (info.uid, info.gid) == (1000, 1000)


def _mounts(box: Sandbox) -> list[Any]:
    return [_Mount(each) for each in box.get_info().volume_mounts]


class _Mount:
    """The SDK shows mounts as dictionaries or objects, by version."""

    def __init__(self, shown: Any) -> None:
        self.mount_path = shown["path"] if isinstance(shown, dict) else shown.path


def test_a_link_that_a_box_makes_leads_the_endpoint_nowhere(volume: Volume, where: dict[str, Any]) -> None:
    box = Sandbox.create(volume_mounts={"/mnt/data": volume}, timeout=60, **where)
    try:
        box.commands.run("cd /mnt/data && ln -s /etc/passwd a && ln -s ../.. b && mkfifo c")
        assert volume.get_info("/a").target == "/etc/passwd"
        for reach in ("/a", "/b/etc/passwd", "/c"):
            with pytest.raises(VolumeException):
                volume.read_file(reach)
        with pytest.raises(VolumeException):
            volume.write_file("/b/new", "x")
        with pytest.raises(VolumeException):
            volume.list("/b")
        volume.remove("/b")
    finally:
        box.kill()


@pytest.mark.parametrize("place", ["/", "/usr", "/proc/x", "relative", "/mnt/../etc", "/home/user"])
def test_a_volume_is_mounted_only_where_it_hides_nothing(volume: Volume, where: dict[str, Any], place: str) -> None:
    with pytest.raises(SandboxException, match="cannot be mounted"):
        Sandbox.create(volume_mounts={place: volume}, timeout=60, **where)


def test_volumes_do_not_lie_in_one_another(volume: Volume, where: dict[str, Any]) -> None:
    with pytest.raises(SandboxException, match="cannot lie in one another"):
        Sandbox.create(volume_mounts={"/mnt/x/y": volume, "/mnt/x": volume}, timeout=60, **where)


def test_a_volume_that_is_not_there_cannot_be_mounted(where: dict[str, Any]) -> None:
    with pytest.raises((SandboxException, NotFoundException), match="not found"):
        Sandbox.create(volume_mounts={"/mnt/x": "nothing-of-that-name"}, timeout=60, **where)


def test_a_box_that_rests_waits_for_a_volume_that_is_gone(control: dict[str, Any], where: dict[str, Any]) -> None:
    name = f"gone-{uuid4()}"
    made = Volume.create(name, **control)
    box = Sandbox.create(timeout=60, volume_mounts={"/mnt/data": name}, **where)
    box.files.write("f", "kept")
    box.pause(keep_memory=False)
    Volume.destroy(made.volume_id, **control)
    assert box.get_info().state is SandboxState.PAUSED
    with pytest.raises(SandboxException, match=f"volume '{name}' not found; make one of that name"):
        box.connect(timeout=60)
    again = Volume.create(name, **control)
    box.connect(timeout=60)
    assert box.files.read("f") == "kept"
    box.kill()
    Volume.destroy(again.volume_id, **control)


def test_the_asynchronous_sdk_does_the_same(control: dict[str, Any], where: dict[str, Any]) -> None:
    async def go() -> None:
        volume = await AsyncVolume.create(f"async-{uuid4()}", **control)
        try:
            await volume.write_file("/x", "y")
            box = await AsyncSandbox.create(volume_mounts={"/data": volume}, timeout=60, **where)
            try:
                assert await box.files.read("/data/x") == "y"
            finally:
                await box.kill()
            stream = await volume.read_file("/x", format="stream")
            assert b"".join([piece async for piece in stream]) == b"y"
        finally:
            with suppress(NotFoundException):
                await AsyncVolume.destroy(volume.volume_id, **control)

    asyncio.run(go())
