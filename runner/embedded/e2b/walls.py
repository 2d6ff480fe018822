"""Raising the walls: preparing what all boxes of an edge share, on the best rung of a ladder that can be had here.

| rung | when | users in a box | what of its files is writable |
|---|---|---|---|
| range | the edge is root, the kernel translates users of mounts | 65,536, `root` among them | all, to root |
| one, a uid per box | the edge is root and may change users only | `user` | home and /tmp |
| one | else | `user`, who on the host is whoever started the edge | all but /usr |

Without overlayfs the two lower rungs have everything but home and /tmp read-only, and no templates of their own.
"""

from __future__ import annotations

import py_compile
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from runner.embedded.e2b import bubblewrap, layers, uids
from runner.embedded.e2b.disk import Disks
from runner.embedded.e2b.mounts import Stage
from runner.embedded.e2b.start import Plan, Walls, start, take_disk
from runner.embedded.e2b.templates import BASE
from runner.errors import SandboxMissing

_TRIAL_SECONDS = 20.0
_CHECK = "import sys, socket; sys.exit(sys.version_info < (3, 10))"
_SYSTEM_PYTHON = Path("/usr/bin/python3")


def raise_walls(folder: Path) -> Walls:
    """Prepare what all boxes share in a folder of the edge's own. Raises SandboxMissing."""
    program = bubblewrap.find()
    for name in ("bin", "agent", "tools"):
        (folder / name).mkdir()
    _copy_agent(folder / "agent")
    try:
        stage = Stage(own=uids.uid_for(0) is not None)
        for name in ("bin", "agent", "tools"):
            stage.show(folder / name, name)
        python = bubblewrap.own_python(stage)
    except OSError as error:
        hint = "choose a folder that every user of this machine can walk to"
        raise SandboxMissing(f"boxes cannot reach their files in {folder}: {error}", hint) from error
    bwrap = stage.seen(bubblewrap.stage(program, folder / "bin"))
    shared = Walls(
        bwrap=bwrap,
        stage=stage,
        base=folder / "base",
        agent=stage.seen(folder / "agent"),
        tools=stage.seen(folder / "tools"),
        python=python,
        disks=Disks(folder / "disks", literal=False, images=False),
    )
    walls = _first(folder, _rungs(shared))
    walls = replace(walls, python=_choose_python(walls, folder))
    bubblewrap.prepare_tools(folder / "tools", walls.python.program)
    return walls


def _rungs(walls: Walls) -> Iterator[Walls]:
    """All rungs, the best first."""
    if walls.stage.own and uids.base_for(0) is not None:
        yield replace(walls, ranged=True)
    for overlay in (True, False):
        for nested in (True, False):
            yield replace(walls, overlay=overlay, nested=nested)


def _first(folder: Path, rungs: Iterable[Walls]) -> Walls:
    """The first rung that a box can stand on, its base prepared. Raises SandboxMissing."""
    why = ""
    reason = ""
    for rung in rungs:
        base = folder / f"base-{rung.rung}"
        if not base.is_dir():
            inner = [Path(bubblewrap.AGENT), Path(bubblewrap.TOOLS), *filter(None, [rung.python.prefix])]
            layers.prepare(base, rung.ranged, inner)
        for images in (True, False) if rung.stage.own else (False,):
            disks = Disks(folder / "disks", literal=rung.ranged, images=images)
            walls = replace(rung, base=base, why=why, disks=disks)
            reason = _tried(walls, folder, ["/bin/true"])
            if not reason:
                return walls
            why = why or reason
    raise SandboxMissing(f"this machine does not let bubblewrap make a box: {reason}", bubblewrap.USERNS_HINT)


def _choose_python(walls: Walls, folder: Path) -> bubblewrap.Python:
    """The edge's own interpreter where it runs in a box, else the system's. Raises SandboxMissing when neither does."""
    system = bubblewrap.Python(_SYSTEM_PYTHON)
    reasons = []
    for python in (walls.python, system):
        words = [str(python.program), "-I", "-S", "-B", "-c", _CHECK]
        reason = _tried(replace(walls, python=python), folder, words)
        if not reason:
            return python
        reasons.append(reason)
    raise SandboxMissing(f"{walls.python.program} does not run in a box: {reasons[0]}", "apt-get install python3")


def _tried(walls: Walls, folder: Path, command: Sequence[str]) -> str:
    """Run a command in a box of these walls; an empty text, or why that did not work."""
    disk = None
    try:
        disk = take_disk(walls, 0, BASE.disk_mb)
        started = start(walls, Plan(0, BASE, disk), folder / "trial", command)
        started.channel.close()
        try:
            code = started.process.wait(_TRIAL_SECONDS)
        finally:
            started.process.kill()
            started.process.wait()
            started.scene.close()
    except PermissionError as error:
        return f"{walls.bwrap} cannot be started as the user of a box: {error.strerror}"
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    finally:
        if disk is not None:
            walls.disks.give_back(disk)
    return "" if code == 0 else (folder / "trial").read_text(errors="replace").strip() or f"exit code {code}"


def _copy_agent(folder: Path) -> None:
    """Put the agent's sources where every box's user can read them, compiled once for all boxes."""
    target = folder / "box"
    shutil.copytree(Path(__file__).parent / "box", target, ignore=shutil.ignore_patterns("__pycache__"))
    for source in target.rglob("*.py"):
        py_compile.compile(str(source), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
