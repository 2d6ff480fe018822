"""Host files on their way into a box, as a tar: what is taken, what is left out, where it lands."""

from __future__ import annotations

import io
import os
import posixpath
import tarfile
from collections.abc import Iterator
from pathlib import Path

from runner.compiler.plan.model import FileCopy
from runner.errors import FilesWrong
from runner.records import dataclass
from runner.run.glob import matches

#: Left out unless `include` names them: caches, histories and what other machines must build for themselves.
DEFAULT_EXCLUDES = (".git", ".venv", "node_modules", "__pycache__", ".runner", ".cache")

#: What `files` may bring: it is in memory while it is packed.
MAX_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Packed:
    """`tar` is to be unpacked at `folder` of the box; `left_out` names links that point outside the source."""

    folder: str
    tar: bytes
    files: int
    left_out: tuple[str, ...] = ()


def pack(base: Path, source: str, copy: FileCopy) -> Packed:
    """Pack `source` (relative to `base`) as `copy` says. Blocks. Raises FilesWrong.

    The content of a folder lands in the folder `copy.target`. A single file lands at `copy.target`, or in it
    under its own name when that ends with a slash.
    """
    root = Path(os.path.normpath(base / source))
    try:
        if root.is_file():
            ends = copy.target.endswith("/")
            folder, name = (copy.target, root.name) if ends else posixpath.split(copy.target)
            return Packed(folder or ".", _tar([(name, root.resolve())]), 1)
        if not root.is_dir():
            raise FilesWrong(
                f"files: {root} does not exist (from: {source}, relative to the folder of the spec)",
                "Correct `from`, or make the file or folder first.",
            )
        found = list(_walk(root, copy))
        inside = [(name, path) for name, path in found if not path.is_symlink() or _stays(root, path)]
        if not inside:
            raise FilesWrong(f"files: nothing in {root} matches", "Look at `include` and `exclude` of this step.")
        names = {name for name, _ in inside}
        left_out = tuple(name for name, _ in found if name not in names)
        return Packed(copy.target, _tar(inside), len(inside), left_out)
    except OSError as error:
        raise FilesWrong(f"files: {error.filename or root} cannot be read: {error.strerror}") from error


def _walk(root: Path, copy: FileCopy) -> Iterator[tuple[str, Path]]:
    """Every file and link below `root` that is wanted, with its relative name, sorted."""
    for top, folders, files in os.walk(root, onerror=_raise):
        base = Path(top)
        keep = []
        for name in sorted(folders):
            relative = (base / name).relative_to(root).as_posix()
            if (base / name).is_symlink():
                files.append(name)
            elif not _excluded(relative, name, copy):
                keep.append(name)
        folders[:] = keep
        for name in sorted(files):
            relative = (base / name).relative_to(root).as_posix()
            if _excluded(relative, name, copy):
                continue
            if not copy.include or any(matches(relative, pattern) for pattern in copy.include):
                yield relative, base / name


def _raise(error: OSError) -> None:
    raise error


def _excluded(relative: str, name: str, copy: FileCopy) -> bool:
    if any(matches(relative, pattern) for pattern in copy.exclude):
        return True
    if name not in DEFAULT_EXCLUDES:
        return False
    return not any(name in pattern.split("/") for pattern in copy.include)


def _stays(root: Path, link: Path) -> bool:
    """Whether a link's target lies inside the source, judged by real paths and without leaving by `/`."""
    if link.readlink().is_absolute():
        return False
    target = Path(os.path.normpath(link.parent / link.readlink()))
    return target.is_relative_to(root) and link.resolve().is_relative_to(root.resolve())


def _tar(entries: list[tuple[str, Path]]) -> bytes:
    """A tar that depends on names, content, modes and times alone."""
    size = sum(path.lstat().st_size for _, path in entries)
    if size > MAX_BYTES:
        raise FilesWrong(
            f"files: {len(entries):,} files hold {size:,} bytes, allowed are {MAX_BYTES:,}",
            "Name a smaller folder in `from`, or leave out what the step does not need: `exclude`, `include`.",
        )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as target:
        for name, path in sorted(entries):
            status = path.lstat()
            info = tarfile.TarInfo(name)
            info.mode, info.mtime = status.st_mode & 0o777, int(status.st_mtime)
            if path.is_symlink():
                info.type, info.linkname = tarfile.SYMTYPE, os.fspath(path.readlink())
                target.addfile(info)
            elif path.is_file():
                content = path.read_bytes()
                info.size = len(content)
                target.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
