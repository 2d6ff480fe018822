"""A folder of this machine as the snapshot that the genuine client mounts: nested dictionaries, ready for msgpack."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

Tree = dict[str, Any]


def of(folder: Path, root: Path | None = None) -> Tree:
    """`{"d": {name: {"d": …} | {"f": {"c": bytes}} | {"f": {"l": target}}}}`, with `"x": True` beside `c` of programs.

    Links that lead out of `root`, the folder itself by default, are left out: what they name is not the container's.
    """
    root = root or folder.resolve()
    out: Tree = {}
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            path = Path(entry.path)
            if entry.is_symlink():
                target = path.readlink()
                if not target.is_absolute() and (folder / target).resolve().is_relative_to(root):
                    out[entry.name] = {"f": {"l": target.as_posix()}}
            elif entry.is_dir():
                out[entry.name] = of(path, root)
            elif entry.is_file():
                content: Tree = {"c": path.read_bytes()}
                out[entry.name] = {"f": content | ({"x": True} if entry.stat().st_mode & 0o111 else {})}
    return {"d": out}
