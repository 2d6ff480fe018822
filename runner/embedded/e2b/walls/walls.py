"""Raising the walls: preparing what all boxes of an edge share, on the best rung of a ladder that can be had here.

| rung | when | users in a box | what of its files is writable |
|---|---|---|---|
| range | the edge is root, the kernel translates users of mounts | 65,536, `root` among them | all, to root |
| one, a uid per box | the edge is root and may change users only | `user` | home and /tmp |
| one | else | `user`, who on the host is whoever started the edge | all but /usr |

Without overlayfs the two lower rungs have everything but home and /tmp read-only, and no templates of their own.
"""

from __future__ import annotations

import marshal
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from importlib.machinery import SourceFileLoader
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path
from types import CodeType

from runner.embedded.e2b.templates import BASE
from runner.embedded.e2b.walls import bubblewrap, layers, uids
from runner.embedded.e2b.walls.disk import Disks
from runner.embedded.e2b.walls.mounts import Stage
from runner.embedded.e2b.walls.start import Plan, Walls, start, take_disk
from runner.errors import SandboxMissing
from runner.records import dataclass

_TRIAL_SECONDS = 20.0
#: In the head of a compiled file: what it was compiled from is told by a hash, and nobody is to look whether it holds.
_UNCHECKED = (1).to_bytes(4, "little")
_CHECK = "import sys, socket; sys.exit(sys.version_info < (3, 10))"
#: A box's first process in a trial: it ends with this code where the box stands and the interpreter does not run.
_NO_PYTHON = 77
_TRIAL = f'"$0" -I -S -B -c "$1" || exit {_NO_PYTHON}'


@dataclass(frozen=True, slots=True)
class _Trial:
    """How a trial went: whether there was a box, whether its interpreter ran, and what was said if not."""

    stands: bool
    runs: bool
    said: str = ""


def raise_walls(folder: Path) -> Walls:
    """Prepare what all boxes share in a folder of the edge's own. Raises SandboxMissing."""
    program = bubblewrap.find()
    for name in ("bin", "agent", "tools"):
        (folder / name).mkdir()
    _copy_agent(folder / "agent")
    try:
        stage = _open_stage(folder / "stage")
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
    bubblewrap.prepare_tools(folder / "tools", walls.python.program)
    return walls


def _open_stage(spare: Path) -> Stage:
    """The edge's stage where it can have one; root of a container may not mount, and what it has is walked to as is."""
    if uids.uid_for(0) is not None:
        with suppress(OSError):
            spare.mkdir()
            return Stage(spare)
    return Stage(None)


def _rungs(walls: Walls) -> Iterator[Walls]:
    """All rungs, the best first."""
    if walls.stage.own and uids.base_for(0) is not None:
        yield replace(walls, ranged=True)
    for overlay in (True, False):
        for nested in (True, False):
            yield replace(walls, overlay=overlay, nested=nested)


def _first(folder: Path, rungs: Iterable[Walls]) -> Walls:
    """The first rung that a box can stand on, its base prepared. Raises SandboxMissing."""
    why = said = ""
    for rung in rungs:
        base = folder / f"base-{rung.rung}"
        if not base.is_dir():
            inner = [Path(bubblewrap.AGENT), Path(bubblewrap.TOOLS), *filter(None, [rung.python.prefix])]
            layers.prepare(base, rung.ranged, inner)
        for images in (True, False) if rung.stage.own else (False,):
            behind = rung.bwrap if rung.stage.own or uids.uid_for(0) is None else None
            disks = Disks(folder / "disks", literal=rung.ranged, images=images, bwrap=behind)
            walls = replace(rung, base=base, why=why, disks=disks)
            trial = _try(walls, folder)
            if trial.stands:
                return walls if trial.runs else _with_system_python(walls, folder, trial.said)
            said = trial.said
            why = why or said
    raise SandboxMissing(f"this machine does not let bubblewrap make a box: {said}", bubblewrap.USERNS_HINT)


def _with_system_python(walls: Walls, folder: Path, said: str) -> Walls:
    """The system's interpreter in the place of the edge's own, which does not run in a box. Raises SandboxMissing."""
    found = replace(walls, python=bubblewrap.Python(bubblewrap.SYSTEM_PYTHON))
    if not _try(found, folder).runs:
        raise SandboxMissing(f"{walls.python.program} does not run in a box: {said}", "apt-get install python3")
    return found


def _try(walls: Walls, folder: Path) -> _Trial:
    """Make a box whose first process tries the interpreter, and nothing else."""
    disk, log = None, folder / "trial"
    try:
        disk = take_disk(walls, 0, BASE.disk_mb, BASE)
        started = start(walls, Plan(0, BASE, disk), log, ["/bin/sh", "-c", _TRIAL, str(walls.python.program), _CHECK])
        started.channel.close()
        code = _wait(started.process)
        started.scene.close()
    except PermissionError as error:
        return _Trial(False, False, f"{walls.bwrap} cannot be started as the user of a box: {error.strerror}")
    except (OSError, subprocess.SubprocessError) as error:
        return _Trial(False, False, str(error))
    finally:
        if disk is not None:
            walls.disks.give_back(disk)
    said = log.read_text(errors="replace").strip() or f"exit code {code}"
    return _Trial(True, True) if code == 0 else _Trial(code == _NO_PYTHON, False, said)


def _wait(process: subprocess.Popen[bytes]) -> int:
    """The exit code of a trial, at once when it ends; one that does not end is killed."""
    timer = threading.Timer(_TRIAL_SECONDS, process.kill)
    timer.start()
    try:
        return process.wait()
    finally:
        timer.cancel()


def _copy_agent(folder: Path) -> None:
    """Put the agent's sources where every box's user can read them, compiled once for all boxes.

    What Python has compiled of them before, in its own cache beside our package, is not compiled again.
    """
    home, target = Path(__file__).parents[1] / "box", folder / "box"
    shutil.copytree(home, target, ignore=shutil.ignore_patterns("__pycache__"))
    for copy in target.rglob("*.py"):
        within = copy.relative_to(target)
        code = SourceFileLoader(copy.stem, str(home / within)).get_code(copy.stem)
        assert code is not None  # noqa: S101 - only what is built in has none
        head = MAGIC_NUMBER + _UNCHECKED + source_hash(copy.read_bytes())
        compiled = copy.parent / "__pycache__" / f"{copy.stem}.{sys.implementation.cache_tag}.pyc"
        compiled.parent.mkdir(exist_ok=True)
        compiled.write_bytes(head + marshal.dumps(_moved(code, f"{bubblewrap.AGENT}/box/{within}")))


def _moved(code: CodeType, name: str) -> CodeType:
    """Code that says it comes from another file: a box is not told where on the host our package lies."""
    consts = tuple(_moved(each, name) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_filename=name, co_consts=consts)
