"""Artifacts: files a step hands on. Collected from its box, kept by digest, placed in the boxes of later steps."""

from __future__ import annotations

import hashlib
import io
import os
import posixpath
import shlex
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

from runner.errors import FileMissing, NotADirectory, OutputWrong, StoreError, StoreFull
from runner.records import dataclass
from runner.run import glob
from runner.run.ports import Box, Command, FileInfo

#: Folders of runner itself in a box's home: never part of an artifact.
OWN_FOLDERS = (".artifacts", ".runner")

#: What an artifact may hold: it is in memory while it is packed.
MAX_BYTES = 1 << 30
#: From so many files on, one archive of their folder is quicker than reading each.
_MANY = 200


@dataclass(frozen=True, slots=True)
class Collected:
    """What an artifact's pattern found: a deterministic tar, and how many files are in it."""

    tar: bytes
    files: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored artifact: the SHA-256 of its tar, sizes, and the file that holds it."""

    digest: str
    bytes: int
    files: int
    path: Path


async def collect(box: Box, cwd: str, pattern: str, name: str) -> Collected:
    """The files that match `pattern` below `cwd`, named without the folders before its first wildcard.

    A plain path to a folder takes all that is in it. Raises OutputWrong when nothing matches, or too much.
    """
    folder, rest = glob.split(pattern)
    base = posixpath.join(cwd, folder)
    try:
        if glob.is_plain(rest) and (await box.stat(posixpath.join(base, rest))).kind == "dir":
            base, rest = posixpath.join(base, rest), "**"
        if "**" in rest:
            await _check_folder(box, base, name, pattern)
            members = _from_tar(await box.export_tar(base), glob.compiled(rest).fullmatch)
        else:
            found = await _listed(box, base, rest)
            _check_size(name, f"the files matching {pattern}", sum(info.size for info in found.values()))
            members = await _read(box, base, found)
    except (FileMissing, NotADirectory):
        members = []
    if not members:
        raise OutputWrong(
            f"output {name}: expected files matching {pattern} in {cwd}, found none",
            "The pattern is relative to the step's working folder (`cwd`, or the home folder).",
        )
    _check_size(name, f"the files matching {pattern}", sum(len(content) for _, content in members))
    return Collected(_tar(members), len(members))


def _check_size(name: str, what: str, size: int) -> None:
    if size > MAX_BYTES:
        raise OutputWrong(
            f"output {name}: {what} hold {size:,} bytes, allowed are {MAX_BYTES:,}",
            "Narrow the pattern; keep data of that size in a storage of its own and hand on its address.",
        )


async def _check_folder(box: Box, base: str, name: str, pattern: str) -> None:
    """A pattern with `**` brings its whole folder here before its files are chosen."""
    _check_size(name, f"all files in {base}, where {pattern} is looked for,", await _folder_size(box, base))


async def _folder_size(box: Box, folder: str) -> int:
    """The bytes in a folder of the box, 0 where that cannot be told."""
    told = await box.run(Command(f"du -sb -- {shlex.quote(folder)} 2>/dev/null | cut -f1"))
    size = told.stdout.strip()
    return int(size) if size.isdecimal() else 0


def _from_tar(tar: bytes, wanted: Callable[[str], object]) -> list[tuple[tarfile.TarInfo, bytes]]:
    found = []
    with tarfile.open(fileobj=io.BytesIO(tar)) as source:
        for member in source.getmembers():
            member.name = posixpath.normpath(member.name)
            own = member.name.split("/")[0] in OWN_FOLDERS
            if own or not (member.isfile() or member.issym()) or not wanted(member.name):
                continue
            file = source.extractfile(member) if member.isfile() else None
            found.append((member, file.read() if file is not None else b""))
    return found


async def _listed(box: Box, base: str, pattern: str) -> dict[str, FileInfo]:
    """Without `**` only the folders on the way are listed: a small artifact in a large tree costs little."""
    parts = pattern.split("/")
    folders, found = [""], dict[str, FileInfo]()
    for depth, part in enumerate(parts):
        wanted, kind = glob.compiled(part), "file" if depth == len(parts) - 1 else "dir"
        found = {
            posixpath.join(folder, info.name): info
            for folder in folders
            for info in await box.list(posixpath.join(base, folder))
            if info.kind == kind and wanted.fullmatch(info.name) and info.name not in OWN_FOLDERS
        }
        folders = list(found)
    return found


async def _read(box: Box, base: str, found: Mapping[str, FileInfo]) -> list[tuple[tarfile.TarInfo, bytes]]:
    if len(found) >= _MANY and await _folder_size(box, base) <= MAX_BYTES:
        return _from_tar(await box.export_tar(base), found.__contains__)
    members = []
    for path, info in found.items():
        member = tarfile.TarInfo(path)
        member.mode = info.mode
        members.append((member, await box.read(posixpath.join(base, path))))
    return members


def _tar(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as target:
        for member, content in sorted(members, key=lambda item: item[0].name):
            info = tarfile.TarInfo(member.name)
            info.type, info.linkname = (tarfile.SYMTYPE, member.linkname) if member.issym() else (tarfile.REGTYPE, "")
            info.mode, info.size = member.mode & 0o777, len(content)
            target.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def keep(folder: Path, collected: Collected) -> Kept:
    """Store a tar by its digest and sync it to disk; equal content is stored once. Blocks.

    A file with that name and other content, changed from outside, is replaced. Raises StoreFull when the disk is full,
    StoreError when it cannot be written.
    """
    digest = hashlib.sha256(collected.tar).hexdigest()
    path = folder / f"{digest}.tar"
    try:
        if not (path.is_file() and path.read_bytes() == collected.tar):
            write_durably(path, collected.tar)
    except OSError as error:
        raise storage_error(error, path) from error
    return Kept(digest, len(collected.tar), collected.files, path)


def load(folder: Path, digest: str) -> bytes:
    """The tar with that digest, verified. Blocks. Raises StoreError when it is missing or was changed."""
    path = folder / f"{digest}.tar"
    try:
        tar = path.read_bytes()
    except OSError as error:
        raise storage_error(error, path) from error
    if hashlib.sha256(tar).hexdigest() != digest:
        raise StoreError(f"the artifact {path} was changed after it was stored", "Run the step that makes it again.")
    return tar


def write_durably(path: Path, content: bytes) -> None:
    """Write a file so that it is there as a whole, or not at all, even after a power loss. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{id(content)}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def storage_error(error: OSError, path: Path) -> StoreError:
    """What an error of the disk below the state folder means."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(f"no space left for {path}", "Free some space, or point --state at another disk.")
    return StoreError(f"{path}: {error.strerror}", "Check the permissions of the state folder (--state).")
