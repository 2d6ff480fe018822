"""Copying and counting what a box has written, by programs that can reach nothing else.

Where no control group can freeze a box it is stopped by signals, and a timer of its own may wake one of its processes.
That could put a link to the host's files in the place of a folder while somebody goes down there. So `cp` runs behind
walls, where there is nothing but the box's files, the copy, and the host's programs.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from runner.embedded.e2b.walls.bubblewrap import Wall, links
from runner.embedded.e2b.walls.uids import uid_for

#: What is the box's own in its disk, and with its /tmp.
_CHANGED = "cp -a --reflink=auto -T -- /from/up /to"
_WHOLE = f"{_CHANGED} && cp -a --reflink=auto -T -- /from/tmp /to/tmp"
#: In a user namespace of its own: files that the box has closed to itself are copied too.
_AS_OWNER = (
    "--unshare-user", "--uid", "0", "--gid", "0",
    *(word for right in ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID") for word in ("--cap-add", f"CAP_{right}")),
)  # fmt: skip


def copy_disk(bwrap: Path | None, disk: Path, target: Path, *, tmp: bool) -> None:
    """Copy what lies in a disk's `up` into a folder that is there, and its `tmp` into `tmp` there if asked: owners,
    rights, times, attributes, links, devices, holes. Blocks. Raises OSError.

    Without `bwrap`, for root that may not mount, it is done as whom the files belong to on the host.
    """
    script = _WHOLE if tmp else _CHANGED
    if bwrap is None:
        owner = (disk / "up" / "home").stat().st_uid
        os.chown(target, owner, owner)
        script = script.replace("/from/", '"$0"/').replace("/to", '"$1"')
        _run(["/bin/sh", "-c", script, str(disk), str(target)], owner if os.geteuid() == 0 else None)
        return
    _run([*walled(bwrap, disk, target), "/bin/sh", "-c", script])


def walled(bwrap: Path, disk: Path, target: Path | None = None) -> list[str]:
    """The words before a program of the host's that is to have a box's disk, read-only at /from, and a folder at /to
    if one is named, and nothing else; where boxes run as ourselves it has the rights of root over them.
    """
    wall = Wall()
    wall.add(*(_AS_OWNER if uid_for(0) is None else ()), "--unshare-pid", "--proc", "/proc")  # cp uses /proc
    wall.bind(Path("/usr"), "/usr")
    links(wall, linked=False)
    wall.bind(disk, "/from")
    if target is not None:
        wall.bind(target, "/to", writable=True)
    return [str(bwrap), *wall.arguments, "--"]


def _run(words: list[str], owner: int | None = None) -> None:
    groups = None if owner is None else ()
    done = subprocess.run(
        words, capture_output=True, text=True, errors="replace", check=False, env={},
        user=owner, group=owner, extra_groups=groups,
    )  # fmt: skip
    if done.returncode != 0:
        raise OSError(f"the files of a box cannot be copied: {done.stderr.strip()[-300:]}")
