"""Checks of snapshots: a folder out of a box and into another."""

from __future__ import annotations

import io
import tarfile

from runner.errors import FileExists, FileMissing, NotADirectory, RequestRefused
from runner.run.ports import Box
from runner.sandbox.conformance.check import Check, Lab, on_box, refused, same, sh

_TREE = """
mkdir -p tree/bin tree/empty tree/deep/er && cd tree
printf '#!/bin/sh\\necho runs\\n' > bin/tool && chmod 755 bin/tool
echo secret > private && chmod 600 private
printf '' > deep/er/nothing
head -c 3000000 /dev/zero > zeros
echo odd > "a name with 'quotes' and
a newline" && echo dash > ./-dash && echo uni > grüße
ln -s private link && ln -s ../bin/tool deep/up && ln -s /usr/bin/env absolute
ln private hard
mkdir closed && chmod 700 closed && (mkfifo pipe 2>/dev/null || :) && touch -d 2020-09-13T12:26:40Z private bin/tool
"""
_LIST = r"find . -mindepth 1 ! -type p -printf '%y %m %P -> %l\n' | LC_ALL=C sort; cat private hard; bin/tool"


def hostile_tars() -> dict[str, bytes]:
    """Archives that no provider may unpack, by what is wrong with them."""
    link = _member("link", kind=tarfile.SYMTYPE, target="/tmp")  # noqa: S108 - a target, never opened
    return {
        "climbs out": _tar(_member("../out")),
        "climbs out later": _tar(_member("a/../../out")),
        "absolute": _tar(_member("/out")),
        "link climbs out": _tar(_member("l", kind=tarfile.SYMTYPE, target="../..")),
        "through a link": _tar(link, _member("link/out")),
        "link through a link": _tar(
            _member("d", kind=tarfile.DIRTYPE),
            _member("d/up", kind=tarfile.SYMTYPE, target=".."),
            _member("l", kind=tarfile.SYMTYPE, target="d/up/.."),
        ),
        "hard link out": _tar(_member("hard", kind=tarfile.LNKTYPE, target="/etc/passwd")),
        "device": _tar(_member("null", kind=tarfile.CHRTYPE)),
        "no tar": b"this is no archive at all",
    }


def _member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, 0o755
    return info


def _tar(*members: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in members:
            archive.addfile(member)
    return buffer.getvalue()


async def _roundtrip(box: Box) -> None:
    await sh(box, _TREE)
    before = (await sh(box, f"cd tree && {_LIST}")).stdout
    await box.import_tar("copy/of/tree", await box.export_tar("tree"))
    same((await sh(box, f"cd copy/of/tree && {_LIST}")).stdout, before, "the copy")
    same(int((await box.stat("copy/of/tree/private")).mtime), 1_600_000_000, "mtime")


async def _normal_form(box: Box) -> None:
    await sh(box, _TREE)
    first = await box.export_tar("tree")
    same(first == await box.export_tar(f"{box.home}/tree"), True, "two exports of one folder are equal")
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        members = archive.getmembers()
    names = [member.name for member in members]
    same(names, sorted(names, key=lambda name: name.encode()), "names")
    same({(member.uid, member.gid, member.uname, member.gname) for member in members}, {(0, 0, "", "")}, "owners")


async def _moved(lab: Lab) -> None:
    async with lab.box() as one, lab.box() as two:
        await sh(one, _TREE)
        tar = await one.export_tar("tree")
        await two.import_tar("there", tar)
        same((await sh(two, f"cd there && {_LIST}")).stdout, (await sh(one, f"cd tree && {_LIST}")).stdout, "the copy")
        same(await two.export_tar("there") == tar, True, "the copy's snapshot is the same")


async def _home(box: Box) -> None:
    await box.write("project/a", b"1")
    tar = await box.export_tar(".")
    await box.write("project/a", b"2")
    await box.write("project/b", b"kept")
    await box.import_tar(".", tar)
    same((await box.read("project/a"), await box.read("project/b")), (b"1", b"kept"), "files")


async def _empty(box: Box) -> None:
    await box.mkdir("bare")
    await box.import_tar("also-bare", await box.export_tar("bare"))
    same(await box.list("also-bare"), [], "the copy")


async def _wrong(box: Box) -> None:
    await box.write("file", b"")
    with refused(FileMissing):
        await box.export_tar("absent")
    with refused(NotADirectory):
        await box.export_tar("file")
    tar = await box.export_tar(".")
    with refused(NotADirectory, FileExists):
        await box.import_tar("file", tar)


async def _hostile(box: Box) -> None:
    for name, tar in hostile_tars().items():
        try:
            with refused(RequestRefused):
                await box.import_tar("victim", tar)
        except AssertionError as exc:
            raise AssertionError(f"archive {name!r}: {exc}") from exc
    same((await sh(box, "ls -A victim 2>/dev/null | wc -l")).stdout.strip(), "0", "files unpacked")


TAR_CHECKS = (
    Check("snapshot round trip", "Modes, empty folders, links or odd names were lost.", on_box(_roundtrip)),
    Check("snapshot normal form", "The same files gave another digest each time.", on_box(_normal_form)),
    Check("snapshot to another box", "A step could not go on in another box.", _moved),
    Check("snapshot of home", "A snapshot could not be laid over what is there.", on_box(_home)),
    Check("snapshot of nothing", "An empty folder's archive could not be read.", on_box(_empty)),
    Check("snapshot of what is no folder", "A missing folder gave an empty archive.", on_box(_wrong)),
    Check("hostile archive", "An archive wrote outside its folder.", on_box(_hostile)),
)
