"""Snapshots: the files of a box as a tar in one normal form, the same for every provider.

The normal form: uncompressed GNU tar; names relative to the folder, sorted by their bytes; owner and group 0 and
nameless; permission bits without setuid, setgid and sticky; times kept in whole seconds (build tools compare
them; links have none); hard links written as files of their own; devices, pipes and sockets left out. Two folders with
the same files, modes and times give the same bytes.

A tar that comes from outside is checked before anything is unpacked (`check`): only files, folders and links; no
name and no hard link that leaves the folder; no member below a link of the same archive. An absolute symbolic link is
allowed as data (virtual environments have them): nothing is ever written through a link. Python's own "data" filter
is not used: the Python 3.11.2 of Debian 12 has none.
"""

from __future__ import annotations

import copy
import io
import os
import posixpath
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.errors import FileExists, RequestRefused

_HINT = "Make the archive with `tar -C FOLDER -cf FILE .`, from files below that folder only."
_MODE = 0o777
_LINKS_FOLLOWED = 40


def normalise(tar: bytes, drop: str = "") -> bytes:
    """The same files in the normal form. `drop` names one member to leave out, wherever it lies.

    Raises RequestRefused when this is no tar.
    """
    with _reading(tar) as source:
        members: dict[str, tarfile.TarInfo] = {}
        for member in source.getmembers():
            name = _clean(member.name)
            if name != "." and posixpath.basename(name) != (drop or None):
                members[name] = member
        return write([(name, *_content(source, members[name])) for name in members])


def pack(folder: Path) -> bytes:
    """The files below a host folder in the normal form. Links are kept as links, never followed."""
    found: list[tuple[str, tarfile.TarInfo, bytes]] = []
    for top, folders, files in os.walk(folder):
        for entry in (*folders, *files):
            path = Path(top, entry)
            kind = _kind(path)
            if kind is None:
                continue
            status = path.lstat()
            info = tarfile.TarInfo()
            info.type, info.mode, info.mtime = kind, status.st_mode, int(status.st_mtime)
            if kind == tarfile.SYMTYPE:
                info.linkname = str(path.readlink())
            name = path.relative_to(folder).as_posix()
            found.append((name, info, path.read_bytes() if kind == tarfile.REGTYPE else b""))
    return write(found)


def check(tar: bytes) -> None:
    """Refuse a hostile archive: names or links that leave the folder, members below a link, devices.

    Raises RequestRefused, which names the member.
    """
    with _reading(tar) as source:
        members = source.getmembers()
    links = {_clean(member.name): member.linkname for member in members if member.issym()}
    for member in members:
        reason = _hostile(member, links)
        if reason:
            raise RequestRefused(f"the archive was refused: {member.name!r} {reason}", _HINT)


def unpack(tar: bytes, folder: Path) -> None:
    """Check a tar and unpack it below a host folder, making it.

    Raises RequestRefused for a hostile one and FileExists when a folder stands where a file should go.
    """
    check(tar)
    folder.mkdir(parents=True, exist_ok=True)
    with _reading(tar) as source:
        # Links last: while files are written, no link of this archive exists yet.
        members = sorted(source.getmembers(), key=lambda member: (member.issym(), member.name))
        try:
            source.extractall(folder, [_on_disk(each, folder) for each in members if _clean(each.name) != "."])  # noqa: S202 - checked
        except (IsADirectoryError, FileExistsError, NotADirectoryError) as exc:
            raise FileExists(f"the archive cannot be unpacked over what is there: {exc.filename}") from exc


def _on_disk(member: tarfile.TarInfo, folder: Path) -> tarfile.TarInfo:
    """The member as it is written: ours, without setuid. Refused where a link that is there already leads outside."""
    for name in (member.name, *([member.linkname] if member.islnk() else [])):
        if not (folder / name).parent.resolve().is_relative_to(folder.resolve()):
            raise RequestRefused(f"the archive was refused: {name!r} lies below a link that leaves the folder", _HINT)
    ours = copy.copy(member)
    ours.mode, ours.uid, ours.gid, ours.uname, ours.gname = member.mode & _MODE, os.getuid(), os.getgid(), "", ""
    return ours


def _hostile(member: tarfile.TarInfo, links: dict[str, str]) -> str:
    for path in (member.name, *([member.linkname] if member.islnk() else [])):
        if path.startswith("/") or ".." in path.split("/"):
            return "leaves the folder"
        name = _clean(path)
        if any(posixpath.join(*name.split("/")[:depth]) in links for depth in range(1, len(name.split("/")))):
            return "lies below a symbolic link"
    if member.islnk() and _clean(member.linkname) in links:
        return "is a hard link to a symbolic link"
    if member.issym():
        target = member.linkname
        leaves = not posixpath.isabs(target) and _leaves(
            posixpath.join(posixpath.dirname(_clean(member.name)), target), links
        )
        return "links to a place outside the folder" if leaves else ""
    return "" if member.isfile() or member.isdir() or member.islnk() else "is neither a file, a folder nor a link"


def _leaves(path: str, links: dict[str, str]) -> bool:
    """Whether a relative path, walked through the archive's own links, gets above the folder."""
    todo = path.split("/")[::-1]
    here: list[str] = []
    followed = 0
    while todo:
        part = todo.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not here:
                return True
            here.pop()
            continue
        here.append(part)
        target = links.get("/".join(here))
        if target is None:
            continue
        followed += 1
        if posixpath.isabs(target) or followed > _LINKS_FOLLOWED:
            # Beyond an absolute link nothing can be said; going on from there is refused.
            return bool(todo)
        here.pop()
        todo.extend(target.split("/")[::-1])
    return False


def _content(source: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[tarfile.TarInfo, bytes]:
    if not (member.isfile() or member.islnk()):
        return member, b""
    try:
        file = source.extractfile(member)
    except KeyError as exc:
        raise RequestRefused(f"the archive is broken: {member.name!r} links to nothing", _HINT) from exc
    return member, file.read() if file is not None else b""


def _kind(path: Path) -> bytes | None:
    if path.is_symlink():
        return tarfile.SYMTYPE
    if path.is_dir():
        return tarfile.DIRTYPE
    return tarfile.REGTYPE if path.is_file() else None


def write(found: list[tuple[str, tarfile.TarInfo, bytes]]) -> bytes:
    """Members, by name and content, as a tar in the normal form, whatever their order and owners."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as target:
        for name, member, data in sorted(found, key=lambda item: os.fsencode(item[0])):
            if not (member.isfile() or member.islnk() or member.isdir() or member.issym()):
                continue
            info = tarfile.TarInfo(name)
            info.type = tarfile.REGTYPE if member.islnk() else member.type
            info.mode, info.mtime = member.mode & _MODE, max(0, int(member.mtime))
            if member.issym():
                info.linkname, info.mode, info.mtime = member.linkname, _MODE, 0
            info.size = len(data)
            target.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _clean(name: str) -> str:
    return posixpath.normpath(name).lstrip("/") or "."


class _Tar(tarfile.TarFile):
    """Unpacks members as they are: newer Pythons would filter them a second time, or warn."""

    extraction_filter = staticmethod(lambda member, _: member)


@contextmanager
def _reading(tar: bytes) -> Iterator[tarfile.TarFile]:
    try:
        with _Tar.open(fileobj=io.BytesIO(tar), mode="r:") as source:
            yield source
    except (tarfile.ReadError, tarfile.HeaderError, EOFError) as exc:
        raise RequestRefused("the archive is not a tar, or it is cut short", _HINT) from exc
