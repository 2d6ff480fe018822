"""Files in boxes of the embedded endpoint, driven by the genuine SDK."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from e2b import AsyncSandbox, FileType
from e2b.exceptions import (
    FileNotFoundException,
    InvalidArgumentException,
    NotEnoughSpaceException,
    SandboxException,
)

pytestmark = pytest.mark.integration
Go = Callable[[Callable[[AsyncSandbox], Awaitable[None]]], None]


@pytest.mark.parametrize("octets", [False, True], ids=["form", "octets"])
@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    "content",
    [b"", b"text\n", bytes(range(256)) * 5, b"\r\n--\r\n--boundary--\r\n", random.Random(1).randbytes(700_001)],
    ids=["empty", "text", "binary", "like a form", "large"],
)
def test_what_is_written_is_read(in_box: Go, content: bytes, octets: bool, gzip: bool) -> None:
    async def body(box: AsyncSandbox) -> None:
        if gzip and not octets:
            written = await box.files.write("a/b/file", content, gzip=True)
        else:
            written = await box.files.write("a/b/file", content, use_octet_stream=octets, gzip=gzip)
        assert (written.name, written.path, written.type) == ("file", "/home/user/a/b/file", FileType.FILE)
        assert await box.files.read("a/b/file", format="bytes") == content
        assert (await box.files.get_info("a/b/file")).size == len(content)

    in_box(body)


@pytest.mark.parametrize(
    "name", ["naïve ☃.txt", 'quo"te.txt', "per%20cent", "semi;colon=x", " lead", "back\\slash", "a+b&c"]
)
def test_unusual_names(in_box: Go, name: str) -> None:
    async def body(box: AsyncSandbox) -> None:
        assert (await box.files.write(name, "one")).name == name
        assert await box.files.read(name) == "one"
        assert [each.name for each in await box.files.list(".")] == [name]
        assert (await box.commands.run("ls -N")).stdout == name + "\n"

    in_box(body)


def test_many_files_in_one_request(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        files = [{"path": f"dir {n}/ü{n}", "data": str(n) * n} for n in range(10)]
        written = await box.files.write_files(files)  # type: ignore[arg-type]
        assert [each.path for each in written] == [f"/home/user/{each['path']}" for each in files]
        for each in files:
            assert await box.files.read(each["path"]) == each["data"]

    in_box(body)


def test_fifty_megabytes_go_up_and_come_down(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        content = random.Random(2).randbytes(50 * 1024 * 1024)
        digest = hashlib.sha256(content).hexdigest()
        await box.files.write("/tmp/big", content)
        assert digest in (await box.commands.run("sha256sum /tmp/big")).stdout
        assert hashlib.sha256(await box.files.read("/tmp/big", format="bytes")).hexdigest() == digest

        await box.files.write("streamed", io.BytesIO(content))
        total = hashlib.sha256()
        async with await box.files.read("streamed", format="stream") as stream:
            async for piece in stream:
                total.update(piece)
        assert total.hexdigest() == digest
        peak = (await box.commands.run("awk '/^VmHWM/ {print $2}' /proc/1/status")).stdout
        assert int(peak) < 45_000, "files go through the agent in pieces; it never holds one of them (kB)"

    in_box(body)


def test_pieces_of_unknown_length_go_up(in_box: Go) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(100):
            yield str(number).encode() * 1000

    async def body(box: AsyncSandbox) -> None:
        await box.files.write("pieces", pieces())
        assert await box.files.read("pieces") == "".join(str(number) * 1000 for number in range(100))

    in_box(body)


def test_information_about_paths(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        await box.files.write("d/f", "12345")
        await box.commands.run("chmod 640 d/f; ln -s d/f link; ln -s /nowhere broken")
        info = await box.files.get_info("d/f")
        assert (info.name, info.type, info.size, info.mode) == ("f", FileType.FILE, 5, 0o640)
        assert (info.permissions, info.owner, info.group) == ("-rw-r-----", "user", "user")
        assert (await box.files.get_info("d")).type is FileType.DIR
        link = await box.files.get_info("link")
        assert (link.type, link.symlink_target) == (FileType.SYMLINK, "/home/user/d/f")
        assert {each.name: each.type for each in await box.files.list(".")} == {
            "d": FileType.DIR,
            "link": FileType.SYMLINK,
            "broken": FileType.SYMLINK,
        }
        assert [each.path for each in await box.files.list("/home/user/d", depth=1)] == ["/home/user/d/f"]
        assert "f" in {each.name for each in await box.files.list("~", depth=2)}

    in_box(body)


def test_folders_are_made_moved_and_removed(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        assert await box.files.make_dir("one/two") is True
        assert await box.files.make_dir("one/two") is False
        assert await box.files.exists("one/two")
        await box.files.write("one/two/f", "x")
        moved = await box.files.rename("one", "/tmp/deep/moved")
        assert moved.path == "/tmp/deep/moved"
        assert not await box.files.exists("one")
        assert await box.files.read("/tmp/deep/moved/two/f") == "x"
        await box.files.remove("/tmp/deep")
        assert not await box.files.exists("/tmp/deep")
        await box.files.remove("/tmp/never/was")

    in_box(body)


def test_metadata_stays_with_the_file(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        written = await box.files.write("f", "x", metadata={"origin": "test"})
        assert written.metadata == {"origin": "test"}
        assert (await box.files.get_info("f")).metadata == {"origin": "test"}

    in_box(body)


def test_attributes_set_in_the_box_are_metadata(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        await box.files.write("f", "x", metadata={"origin": "test"})
        await box.commands.run("setfattr -n user.e2b.more -v 'by hand' f; setfattr -x user.e2b.origin f")
        assert (await box.files.get_info("f")).metadata == {"more": "by hand"}
        told = (await box.commands.run("getfattr -d f")).stdout
        assert told == '# file: f\nuser.e2b.more="by hand"\n\n'
        await box.files.write("f", "y")
        assert (await box.files.get_info("f")).metadata is None

    in_box(body)


def test_what_cannot_be_is_said(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        await box.files.make_dir("folder")
        await box.files.write("file", "x")
        for missing in (
            box.files.read("none"),
            box.files.get_info("none"),
            box.files.list("none"),
            box.files.rename("none", "other"),
        ):
            with pytest.raises(FileNotFoundException, match="none"):
                await missing
        assert await box.files.exists("none") is False
        for wrong, says in (
            (box.files.read("folder"), "is a directory"),
            (box.files.write("folder", "x"), "is a directory"),
            (box.files.write("file/below", "x"), "not a directory"),
            (box.files.list("file"), "is not a directory"),
            (box.files.make_dir("file"), "not a directory"),
            (box.files.read("/dev/zero"), "not a regular file"),
        ):
            with pytest.raises(InvalidArgumentException, match=says):
                await wrong
        with pytest.raises(SandboxException, match="permission denied"):
            await box.files.write("/usr/bin/mine", "x")

    in_box(body)


@pytest.mark.parametrize("octets", [False, True], ids=["form", "octets"])
def test_a_full_disk_is_said(in_box: Go, octets: bool) -> None:
    async def body(box: AsyncSandbox) -> None:
        with pytest.raises(NotEnoughSpaceException):
            await box.files.write("/dev/shm/big", bytes(80 * 1024 * 1024), use_octet_stream=octets)
        assert (await box.commands.run("echo the box goes on")).exit_code == 0

    in_box(body)


def test_a_box_whose_disk_is_full_says_so_and_goes_on(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        # Where a box's disk is a folder of the host's, its memory disk stands for it.
        place = "/home/user" if "image" in (await box.get_info()).envd_version else "/run"
        await box.commands.run("fallocate -l $(($(stat -f -c '%a * %S' .) - 4194304)) filling", cwd=place)
        with pytest.raises(NotEnoughSpaceException):
            await box.files.write(f"{place}/more", bytes(16 * 1024 * 1024))
        await box.files.remove(f"{place}/filling")
        await box.files.write(f"{place}/more", "now there is room")
        assert await box.files.read(f"{place}/more") == "now there is room"

    in_box(body)


def test_files_of_the_kernel_can_be_read(in_box: Go) -> None:
    async def body(box: AsyncSandbox) -> None:
        assert "Name:" in await box.files.read("/proc/self/status")

    in_box(body)
