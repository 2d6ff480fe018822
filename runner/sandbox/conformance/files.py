"""Checks of a box's files."""

from __future__ import annotations

import asyncio
import hashlib

from runner.errors import FileExists, FileMissing, IsADirectory, NotADirectory
from runner.run.ports import Box
from runner.sandbox.conformance.check import Check, expect, on_box, refused, same, sh

_AWKWARD = (
    "two words",
    "line\nbreak",
    "'single'",
    'dou"ble',
    "-rf",
    "$HOME",
    "a*b",
    "back\\slash",
    "tab\there",
    "…",
    "%2e",
)
_LARGE = 50 * 1024 * 1024


async def _text(box: Box) -> None:
    text = "grüße, 世界\nsecond line, no newline at the end"
    await box.write("note.txt", text.encode())
    same((await box.read("note.txt")).decode(), text)


async def _binary(box: Box) -> None:
    data = bytes(range(256)) * 8 + b"\r\n\0--boundary\r\n"
    await box.write("data.bin", data)
    same(await box.read("data.bin"), data)


async def _empty(box: Box) -> None:
    await box.write("empty", b"")
    same(await box.read("empty"), b"")
    same((await box.stat("empty")).size, 0, "size")


async def _large(box: Box) -> None:
    data = hashlib.shake_256(b"large").digest(1024 * 1024) * (_LARGE // (1024 * 1024))
    await box.write("large", data)
    same((await box.stat("large")).size, _LARGE, "size")
    back = await box.read("large")
    same(len(back), _LARGE, "bytes read back")
    expect(back == data, "the bytes read back differ")


async def _missing(box: Box) -> None:
    with refused(FileMissing):
        await box.read("absent.txt")
    with refused(FileMissing):
        await box.read("absent/deeper.txt")
    with refused(FileMissing):
        await box.stat("absent.txt")


async def _read_folder(box: Box) -> None:
    await box.mkdir("folder")
    with refused(IsADirectory):
        await box.read("folder")


async def _write_folder(box: Box) -> None:
    await box.mkdir("folder")
    with refused(IsADirectory):
        await box.write("folder", b"x")


async def _below_file(box: Box) -> None:
    await box.write("file", b"x")
    with refused(NotADirectory, FileExists):
        await box.write("file/below", b"x")
    same(await box.read("file"), b"x", "the file in the way")


async def _unicode_names(box: Box) -> None:
    names = ["ünïcødé.txt", "日本語", "smile-😀", "Ελληνικά"]
    for name in names:
        await box.write(f"names/{name}", name.encode())
    same([info.name for info in await box.list("names")], sorted(names), "names")
    for name in names:
        same((await box.read(f"names/{name}")).decode(), name)


async def _awkward_names(box: Box) -> None:
    for name in _AWKWARD:
        await box.write(f"odd/{name}", name.encode())
    same([info.name for info in await box.list("odd")], sorted(_AWKWARD), "names")
    for name in _AWKWARD:
        same((await box.read(f"odd/{name}")).decode(), name)
        same((await box.stat(f"odd/{name}")).name, name, "stat's name")
        await box.remove(f"odd/{name}")
    same(await box.list("odd"), [], "what is left")


async def _overwrite(box: Box) -> None:
    await box.write("file", b"a long first version")
    await box.write("file", b"short")
    same(await box.read("file"), b"short")


async def _makes_folders(box: Box) -> None:
    path = "/".join(f"level-{depth}" for depth in range(40)) + "/file"
    await box.write(path, b"deep")
    same(await box.read(path), b"deep")


async def _home(box: Box) -> None:
    await box.write("relative", b"here")
    same(await box.read(f"{box.home}/relative"), b"here", "the same file by its absolute path")
    same((await box.stat("relative")).path, f"{box.home}/relative", "stat's path")
    same((await sh(box, "pwd")).stdout.strip(), box.home, "a command's folder")


async def _list_sorted(box: Box) -> None:
    for name in ("b", "a", "C", "10", "9", ".hidden"):
        await box.write(f"many/{name}", b"")
    await box.write("many/sub/inner", b"")
    infos = await box.list("many")
    same([info.name for info in infos], sorted(["b", "a", "C", "10", "9", ".hidden", "sub"]), "names")
    same([info.kind for info in infos if info.name == "sub"], ["dir"], "kind")
    same({info.path for info in infos if info.name == "a"}, {f"{box.home}/many/a"}, "path")


async def _list_many(box: Box) -> None:
    await sh(box, "mkdir crowd && cd crowd && touch $(seq -w 1 800)")
    same([info.name for info in await box.list("crowd")], [f"{number:03}" for number in range(1, 801)], "names")


async def _list_wrong(box: Box) -> None:
    await box.write("file", b"")
    await box.mkdir("bare")
    same(await box.list("bare"), [], "an empty folder")
    with refused(FileMissing):
        await box.list("absent")
    with refused(NotADirectory):
        await box.list("file")


async def _stat(box: Box) -> None:
    await sh(box, "printf 12345 > five && chmod 640 five && touch -d 2023-11-14T22:13:20Z five")
    await sh(box, "mkdir box-dir && chmod 750 box-dir")
    file, folder = await box.stat("five"), await box.stat("box-dir")
    same((file.kind, file.size, file.mode & 0o777), ("file", 5, 0o640), "file")
    same(int(file.mtime), 1_700_000_000, "mtime")
    same((folder.kind, folder.mode & 0o777, folder.name), ("dir", 0o750, "box-dir"), "folder")


async def _symlink(box: Box) -> None:
    await sh(box, "echo real > target && ln -s target link && ln -s nowhere dangling")
    same((await box.stat("link")).kind, "symlink", "stat")
    kinds = {info.name: info.kind for info in await box.list(".")}
    same((kinds.get("link"), kinds.get("dangling")), ("symlink", "symlink"), "list")
    same(await box.read("link"), b"real\n", "read through the link")
    with refused(FileMissing):
        await box.read("dangling")


async def _move(box: Box) -> None:
    await box.write("old", b"1")
    await box.move("old", "new")
    same(await box.read("new"), b"1")
    with refused(FileMissing):
        await box.stat("old")
    await box.write("dir/inner", b"2")
    await box.move("dir", "renamed")
    same(await box.read("renamed/inner"), b"2")
    with refused(FileMissing):
        await box.move("absent", "anywhere")


async def _move_over(box: Box) -> None:
    await box.write("one", b"1")
    await box.write("two", b"2")
    await box.move("one", "two")
    same(await box.read("two"), b"1")


async def _remove(box: Box) -> None:
    await box.write("file", b"")
    await box.write("dir/sub/inner", b"")
    await box.remove("file")
    await box.remove("dir")
    for path in ("file", "dir"):
        with refused(FileMissing):
            await box.stat(path)
        with refused(FileMissing):
            await box.remove(path)


async def _remove_link(box: Box) -> None:
    await sh(box, "mkdir kept && touch kept/inner && ln -s kept link && ln -s gone dangling")
    await box.remove("link")
    await box.remove("dangling")
    same([info.name for info in await box.list("kept")], ["inner"], "the folder behind the link")


async def _mkdir(box: Box) -> None:
    await box.mkdir("a/b/c")
    await box.mkdir("a/b/c")
    same((await box.stat("a/b/c")).kind, "dir")
    await box.write("file", b"")
    with refused(NotADirectory, FileExists):
        await box.mkdir("file")
    with refused(NotADirectory, FileExists):
        await box.mkdir("file/below")


async def _parallel(box: Box) -> None:
    wanted = {f"p/{number}": str(number).encode() * 1000 for number in range(40)}
    await asyncio.gather(*(box.write(path, data) for path, data in wanted.items()))
    same(await asyncio.gather(*(box.read(path) for path in wanted)), list(wanted.values()))


async def _shared(box: Box) -> None:
    await box.write("script.sh", b"echo made > by-command; cat input")
    await box.write("input", b"by the file call")
    same((await sh(box, "bash script.sh")).stdout, "by the file call")
    same(await box.read("by-command"), b"made\n")


FILE_CHECKS = (
    Check("text file", "Text came back with other line ends or another encoding.", on_box(_text)),
    Check("binary file", "Multipart uploads mangled bytes that look like a boundary.", on_box(_binary)),
    Check("empty file", "An empty upload made no file.", on_box(_empty)),
    Check("file of 50 MB", "Uploads were cut at the body limit of a proxy, silently.", on_box(_large)),
    Check("missing file", "A missing file surfaced as a vendor's 404, or as empty content.", on_box(_missing)),
    Check("read a folder", "Reading a folder gave a listing or a server error.", on_box(_read_folder)),
    Check("write over a folder", "Writing to a folder's path surfaced as a server error.", on_box(_write_folder)),
    Check("write below a file", "A file in the way of a folder surfaced as a server error.", on_box(_below_file)),
    Check("unicode names", "Names were escaped twice on the wire.", on_box(_unicode_names)),
    Check("awkward names", "A name with a newline, a quote or a dash broke a shell line.", on_box(_awkward_names)),
    Check("overwrite with less", "The tail of the longer old version stayed.", on_box(_overwrite)),
    Check("write makes folders", "Each caller made folders itself, or forgot.", on_box(_makes_folders)),
    Check("relative to home", "Commands and file calls disagreed on where a relative path starts.", on_box(_home)),
    Check("list is sorted", "Order depended on the disk, so runs differed.", on_box(_list_sorted)),
    Check("list of many", "A listing was cut at a page.", on_box(_list_many)),
    Check("list of nothing", "An empty folder, a missing one and a file looked alike.", on_box(_list_wrong)),
    Check("stat", "Modes came with type bits, times in another unit.", on_box(_stat)),
    Check("symbolic links", "A link was reported as what it points to, or not at all.", on_box(_symlink)),
    Check("move", "A moved folder lost its content; a missing source was no error.", on_box(_move)),
    Check("move over a file", "The target's old content stayed.", on_box(_move_over)),
    Check("remove", "Removing a missing path was silent, so a typing mistake went unseen.", on_box(_remove)),
    Check("remove a link", "Removing a link removed what it points to.", on_box(_remove_link)),
    Check("make folders", "A second mkdir failed; a file in the way did not.", on_box(_mkdir)),
    Check("parallel writes", "Concurrent uploads got mixed up.", on_box(_parallel)),
    Check("files and commands", "File calls and commands saw different disks or users.", on_box(_shared)),
)
