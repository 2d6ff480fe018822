"""`hash('pattern')` in cache keys: one digest for the host files that match, whatever machine they are on."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from runner.run import glob
from runner.run.hostfiles import DEFAULT_EXCLUDES


def hash_files(base: Path, pattern: str) -> str:
    """SHA-256 over the relative paths and contents of the files that match `pattern` below `base`, in order of path.

    A pattern that is a plain path to a folder takes all that is in it. Folders of caches and histories are left out
    as in `files`, links to folders are not followed. Blocks. Raises ValueError, with a sentence, when nothing matches
    (a key over nothing would never change) or a file cannot be read.
    """
    folder, rest = glob.split(pattern)
    root = Path(os.path.normpath(base / folder))
    if glob.is_plain(rest) and (root / rest).is_dir():
        root, rest = root / rest, "**"
    total, found = hashlib.sha256(), 0
    try:
        for path in _matching(root, rest):
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            total.update(f"{os.path.relpath(path, base)}\0{content}\n".encode(errors="surrogateescape"))
            found += 1
    except OSError as error:
        raise ValueError(f"hash('{pattern}'): {error.filename} cannot be read: {error.strerror}") from error
    if not found:
        raise ValueError(f"hash('{pattern}') matches no file (it is relative to the folder of the spec)")
    return total.hexdigest()


def _matching(root: Path, pattern: str) -> list[Path]:
    if glob.is_plain(pattern):
        return [root / pattern] if (root / pattern).is_file() else []
    wanted, found = glob.compiled(pattern), list[Path]()
    deep = "**" in pattern
    depth = pattern.count("/")
    for top, folders, files in os.walk(root):
        here = Path(top).relative_to(root)
        level = len(here.parts)
        folders[:] = [name for name in folders if name not in DEFAULT_EXCLUDES and (deep or level < depth)]
        found += [Path(top) / name for name in files if wanted.fullmatch((here / name).as_posix())]
    return sorted((path for path in found if path.is_file()), key=lambda path: path.relative_to(root).as_posix())
