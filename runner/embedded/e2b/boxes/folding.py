"""Folding layers: several that lie over one another become one, so that a box that rests often does not pile them up.

The kernel takes only as many layers as it can name on a page, and each costs a look-up for every path.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from runner.embedded.e2b.folders.state import remove

#: The attribute of a folder that hides the one below; which it is depends on how the overlay was mounted.
_OPAQUE = ("user.overlay.opaque", "trusted.overlay.opaque")


def fold(layers: Sequence[Path], target: Path, whole: Collection[str]) -> None:
    """Make of layers, the lowest first, one in `target`, over which a box sees what it would see over all of them.

    `whole` are tops of which the uppermost holder has all there is. Files are not copied, but have one name more: no
    layer is ever written. Blocks. Raises OSError.
    """
    target.mkdir()
    for layer in layers:
        for top in sorted(layer.iterdir()):
            below = target / top.name
            if top.name in whole:
                remove(below)
            _give_way(top, below)
            _link(top, below)
    target.chmod(stat.S_IMODE(layers[-1].stat().st_mode))


def _link(source: Path, target: Path) -> None:
    """Put what is in a folder into another: owners, rights, attributes, devices; files are the same ones."""
    words = ["cp", "-a", "--link", "--remove-destination", "--no-target-directory", "--", str(source), str(target)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"layers cannot be put together: {done.stderr.strip()[-300:]}")


def _give_way(above: Path, below: Path) -> None:
    """Remove from the folder `below` what the one `above` it hides, and what cannot become what is there."""
    todo = [""]
    while todo:
        here = todo.pop()
        for name, is_folder in _both(above / here, below / here):
            upper, lower = above / here / name, below / here / name
            if is_folder and stat.S_ISDIR(lower.lstat().st_mode) and not _hides(upper):
                todo.append(f"{here}/{name}".lstrip("/"))
            elif lower.is_symlink() or not lower.is_dir():
                lower.unlink()
            else:
                remove(lower)


def _both(above: Path, below: Path) -> Iterator[tuple[str, bool]]:
    """The names that both folders have, and whether the upper one's is a folder."""
    if not below.is_dir():
        return
    with os.scandir(below) as found:
        names = {each.name for each in found}
    with os.scandir(above) as found:
        yield from [(each.name, each.is_dir(follow_symlinks=False)) for each in found if each.name in names]


def _hides(folder: Path) -> bool:
    for name in _OPAQUE:
        with suppress(OSError):
            if os.getxattr(folder, name, follow_symlinks=False) == b"y":
                return True
    return False
