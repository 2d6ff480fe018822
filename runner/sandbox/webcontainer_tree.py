"""A box's files as the genuine client takes and gives them, and as tar.

The client knows a tree: `{"d": {name: {"d": {…}} | {"f": {"c": text or bytes}} | {"f": {"l": target}}}}`, as msgpack.
It holds no modes and no times; these go beside it as `Entry` records, which a program in the container applies or
tells.
"""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from runner.errors import RequestRefused
from runner.records import dataclass
from runner.sandbox import snapshot

Tree = dict[str, Any]
_KINDS = {tarfile.REGTYPE: "f", tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "l"}
_TYPES: dict[str, bytes] = {kind: type_ for type_, kind in _KINDS.items()}
_MODE = 0o777


@dataclass(frozen=True, slots=True)
class Entry:
    """What a tree does not say of one path, relative to its folder: `kind` is f(ile), d(irectory) or l(ink), `mtime` in
    whole seconds.
    """

    path: str
    kind: Literal["f", "d", "l"]
    mode: int
    mtime: int


def packed(tree: Tree) -> bytes:
    """A tree as the client's `mount` takes it."""
    import msgpack

    data: bytes = msgpack.packb(tree)
    return data


def unpacked(data: bytes) -> Tree:
    """A tree as the client's `export` gives it. Raises RequestRefused for anything else."""
    import msgpack

    try:
        tree = msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as exc:
        raise RequestRefused(f"the container's export cannot be read: {type(exc).__name__}") from exc
    if not isinstance(tree, dict) or not isinstance(tree.get("d"), dict):
        raise RequestRefused("the container's export is no tree of files")
    return tree


def file_at(path: str, data: bytes) -> Tree:
    """A tree of one file, below the folders that its relative path names."""
    tree: Tree = {"f": {"c": data}}
    for name in reversed(path.split("/")):
        tree = {"d": {name: tree}}
    return tree


def below(folder: str, tree: Tree) -> Tree:
    """The tree at a relative folder of another one that holds nothing else; `.` is the tree itself."""
    for name in reversed([part for part in folder.split("/") if part not in ("", ".")]):
        tree = {"d": {name: tree}}
    return tree


def from_tar(tar: bytes) -> tuple[Tree, list[Entry]]:
    """The files of a tar that `snapshot.check` has let pass, and what a tree does not say of them."""
    root: Tree = {"d": {}}
    entries: dict[str, Entry] = {}
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
        for member in archive.getmembers():
            path = posixpath.normpath(member.name)
            if path == ".":
                continue
            content = archive.extractfile(member) if member.isfile() or member.islnk() else None
            node: Tree = {"d": {}}
            if content is not None:
                node = {"f": {"c": content.read()}}
            elif member.issym():
                node = {"f": {"l": member.linkname}}
            _put(root, path, node)
            kind: Literal["f", "d", "l"] = "f" if content is not None else "l" if member.issym() else "d"
            entries[path] = Entry(path, kind, member.mode & _MODE, max(0, int(member.mtime)))
    return root, list(entries.values())


def described(tree: Tree, entries: Iterable[Entry]) -> Tree:
    """The same tree with modes and times in it, as our own engine takes it; `tree` is used up."""
    for entry in entries:
        node = _node(tree, entry.path)
        if node is not None:
            node["m"], node["t"] = entry.mode, entry.mtime
    return {**tree, "described": True}


def described_tar(data: bytes) -> bytes:
    """A tree with modes and times, as our own engine exports it, as a tar in the normal form."""
    found: list[tuple[str, tarfile.TarInfo, bytes]] = []
    folders: list[tuple[str, Tree]] = [("", unpacked(data))]
    while folders:
        prefix, folder = folders.pop()
        for name, node in folder["d"].items():
            info = tarfile.TarInfo(prefix + name)
            info.mode, info.mtime = node["m"], node["t"]
            held = node.get("f", {})
            info.type = tarfile.DIRTYPE if "d" in node else tarfile.SYMTYPE if "l" in held else tarfile.REGTYPE
            if info.isdir():
                folders.append((f"{info.name}/", node))
            info.linkname = held.get("l", "")
            found.append((info.name, info, held.get("c", b"")))
    return snapshot.write(found)


def listed_tar(data: bytes, found: Iterable[list[Any]]) -> bytes:
    """An export as a tar in the normal form, with what the program in the container has told of its paths: name, kind,
    mode, time, and the target of a link.
    """
    listed = list(found)
    entries = [Entry(each[0], each[1], int(each[2]), int(each[3])) for each in listed]
    return to_tar(unpacked(data), entries, {each[0]: str(each[4]) for each in listed if each[1] == "l"})


def to_tar(tree: Tree, entries: Iterable[Entry], links: Mapping[str, str]) -> bytes:
    """A tree with what is known of its paths as a tar in the normal form. `links` are the targets of links by path.

    A file that is not in the tree had gone by the time of the export: it is left out, as if it had gone before.
    """
    found: list[tuple[str, tarfile.TarInfo, bytes]] = []
    for entry in entries:
        info = tarfile.TarInfo(entry.path)
        info.type, info.mode, info.mtime = _TYPES[entry.kind], entry.mode, entry.mtime
        content = b""
        if entry.kind == "l":
            info.linkname = links[entry.path]
        elif entry.kind == "f":
            held = _content(tree, entry.path)
            if held is None:
                continue
            content = held
        found.append((entry.path, info, content))
    return snapshot.write(found)


def _put(root: Tree, path: str, node: Tree) -> None:
    *folders, name = path.split("/")
    here = root
    for folder in folders:
        below_ = here["d"].get(folder)
        if below_ is None or "d" not in below_:
            below_ = here["d"][folder] = {"d": {}}
        here = below_
    old = here["d"].get(name)
    if old is None or not ("d" in old and "d" in node):
        here["d"][name] = node


def _node(tree: Tree, path: str) -> Tree | None:
    here: Any = tree
    for name in path.split("/"):
        held = here.get("d") if isinstance(here, dict) else None
        here = held.get(name) if isinstance(held, dict) else None
    return here if isinstance(here, dict) else None


def _content(tree: Tree, path: str) -> bytes | None:
    here = _node(tree, path)
    held = None if here is None else here.get("f")
    about: Tree = held if isinstance(held, dict) else {}
    content = about.get("c")
    if isinstance(content, str):
        # A JSON tree says `b` of bytes that it holds as latin-1.
        return content.encode("latin-1") if about.get("b") else content.encode()
    return content if isinstance(content, bytes) else None
