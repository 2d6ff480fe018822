"""The start of a box: its user namespace, its files on the stage, bubblewrap, and the agent as its process 1."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import field
from pathlib import Path

from runner.embedded.e2b.templates import Template
from runner.embedded.e2b.walls import bubblewrap, layers, seccomp, uids
from runner.embedded.e2b.walls.bubblewrap import Python, Room, Top
from runner.embedded.e2b.walls.disk import Disk, Disks
from runner.embedded.e2b.walls.mounts import Scene, Stage
from runner.records import dataclass

_BOOT = (
    "import sys; sys.modules['ssl'] = None; sys.path.insert(0, '" + bubblewrap.AGENT + "');"
    " from box.agent import main; main()"
)


@dataclass(frozen=True, slots=True)
class Walls:
    """What all boxes of an edge share.

    bubblewrap, the agent's folder, our small commands and the interpreter are as boxes' users reach them, `base` and
    all layers as the edge does. `ranged`: boxes have users of their own; else `nested` tells whether bubblewrap can
    refuse namespaces in them. `overlay`: tops are overlays; else boxes can have no layers. `why` says in a sentence
    why the ladder's best rung could not be had.
    """

    bwrap: Path
    stage: Stage
    base: Path
    agent: Path
    tools: Path
    python: Python
    disks: Disks
    ranged: bool = False
    nested: bool = False
    overlay: bool = True
    why: str = ""

    @property
    def rung(self) -> str:
        """In a word, whose users boxes have: `range` or `one`."""
        return "range" if self.ranged else "one"

    def close(self) -> None:
        """Remove disks that nobody has given back, and what is mounted. Blocks. Raises OSError."""
        self.disks.close()
        self.stage.close()

    def path(self) -> str:
        """Where commands of a box are looked for."""
        python = self.python.program.parent
        system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return f"/home/user/.local/bin:{bubblewrap.TOOLS}:{python}:{system}"


@dataclass(frozen=True, slots=True)
class Plan:
    """One box to be started: its number among the edge's, what it is made of, its disk, folders of the host to have
    writable in it (by their place there), and what its first process does before it becomes the box's user, such as
    entering a control group; that runs between fork and exec.
    """

    number: int
    template: Template
    disk: Disk
    binds: Mapping[str, Path] = field(default_factory=dict)
    confine: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Started:
    """A box that is starting: bubblewrap, the edge's end of the control channel, and the mounts it is made from,
    to be closed when the agent has answered.
    """

    process: subprocess.Popen[bytes]
    channel: socket.socket
    scene: Scene


def take_disk(walls: Walls, number: int, size_mb: int, template: Template) -> Disk:
    """A fresh disk for the edge's n-th box, with what of its template's files cannot lie below. Blocks, as long as it
    takes to copy them. Raises OSError.
    """
    disk = walls.disks.take(size_mb, None if walls.ranged else uids.uid_for(number))
    try:
        _inherit(walls, Plan(number, template, disk))
    except BaseException:
        walls.disks.give_back(disk)
        raise
    return disk


def start(walls: Walls, plan: Plan, log: Path, command: Sequence[str] = ()) -> Started:
    """Start a box whose process 1 is the agent, or another command; what bubblewrap says goes to the file `log`.

    Raises OSError.
    """
    with ExitStack() as stack:
        base = uids.base_for(plan.number) if walls.ranged else None
        namespace = None if base is None else uids.namespace(base)
        if namespace is not None:
            stack.callback(os.close, namespace)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stack.callback(theirs.close)
        scene = walls.stage.open(f"b{plan.number}")
        try:
            filters = stack.enter_context(seccomp.opened())
            room = _room(walls, plan, scene, namespace, filters)
            boot = ["-I", "-S", "-B", "-X", "utf8", "-c", _BOOT, str(theirs.fileno())]
            words = bubblewrap.build(room, command or [str(walls.python.program), *boot], {"LC_ALL": "C.UTF-8"})
            become = bubblewrap.entry(namespace, None if walls.ranged else uids.uid_for(plan.number))
            passed = [theirs.fileno(), *filters]
            process = _run([str(walls.bwrap), *words], log, passed, (plan.confine, become))
        except BaseException:
            ours.close()
            scene.close()
            raise
    return Started(process, ours, scene)


def _run(
    words: Sequence[str], log: Path, passed: Sequence[int], become: Sequence[bubblewrap.Entry]
) -> subprocess.Popen[bytes]:
    def enter() -> None:
        for step in become:
            step()

    with log.open("wb") as said:
        try:
            return subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", env={}, umask=0o022,
                pass_fds=passed, preexec_fn=enter,
            )  # fmt: skip
        except subprocess.SubprocessError as error:  # Python says no more of what went wrong between fork and exec
            raise OSError("the limits of a box, or its user, cannot be set on this machine") from error


def _room(walls: Walls, plan: Plan, scene: Scene, namespace: int | None, filters: Sequence[int]) -> Room:
    files = _Files(scene, namespace)
    files.seen(plan.disk.root, writable=True)
    for target in plan.binds:
        _check_way(walls, plan, target)
    for folder in (walls.base, *plan.template.layers):
        files.seen(folder)
    python = _python(walls, plan, files)
    tops = [*(_top(walls, plan, files, name) for name in layers.PLACES), python]
    return Room(
        tops=tuple(top for top in tops if top is not None),
        tmp=files.seen(plan.disk.tmp),
        agent=walls.agent,
        tools=walls.tools,
        python=walls.python if python is None else Python(walls.python.program),
        binds={target: files.seen(source, writable=True) for target, source in plan.binds.items()},
        ranged=walls.ranged,
        nested=walls.nested,
        filters=tuple(filters),
        boot=files.seen(_boot_id(plan.disk)),
    )


def _check_way(walls: Walls, plan: Plan, target: str) -> None:
    """Bubblewrap makes the folders on the way to what it mounts while the host's files can still be reached: a link on
    that way, which an earlier box may have left, would lead it there. Raises OSError.
    """
    parts = Path(target).parts
    if parts[1] == "tmp":
        found = layers.link_on_way([plan.disk.tmp], parts[2:])
    else:
        tops = [name for name, place in layers.PLACES.items() if Path(target).is_relative_to(place)]
        name = max(tops, key=lambda each: len(layers.PLACES[each]))
        above = len(Path(layers.PLACES[name]).parts)
        folders = [*layers.lower(name, walls.base, plan.template.layers), plan.disk.up(name)]
        found = layers.link_on_way(folders, parts[above:])
    if found:
        raise OSError(errno.ELOOP, "the template has a link on the way to where a volume is to be", target)


def _boot_id(disk: Disk) -> Path:
    """A file with a new id for this start: the kernel's is the host's, which boxes share and cannot see change."""
    file = disk.root / "boot_id"
    file.write_text(f"{uuid.uuid4()}\n")
    return file


def inherited(walls: Walls) -> tuple[str, ...]:
    """The folders of a layer that boxes have copies of, and so are all there in the uppermost layer that has them."""
    own = not walls.ranged and uids.uid_for(0) is not None
    return ("tmp", "home") if own or not walls.overlay else ("tmp",)


def _inherit(walls: Walls, plan: Plan) -> None:
    """Copy what cannot lie below: /tmp; and where there are no overlays, or users cannot be translated and the box's
    is to own it, the home folder. As it was copied before, the uppermost layer that has it has all of it.
    """
    uid = None if walls.ranged else uids.uid_for(plan.number)
    for name in inherited(walls):
        target = plan.disk.tmp if name == "tmp" else plan.disk.up(name)
        holders = [layer for layer in plan.template.layers if (layer / name).is_dir()]
        if holders:
            layers.copy(holders[-1] / name, target, uid)


class _Files:
    """Folders of the host as one box's user reaches them: each goes onto the stage once."""

    def __init__(self, scene: Scene, namespace: int | None) -> None:
        self._scene = scene
        self._namespace = namespace
        self._shown: dict[Path, Path] = {}

    def seen(self, folder: Path, *, writable: bool = False) -> Path:
        """The folder: where it is on the stage, in one that is there already, or put there now."""
        for shown, place in self._shown.items():
            if folder.is_relative_to(shown):
                return place / folder.relative_to(shown)
        self._shown[folder] = self._scene.show(folder, self._namespace, writable=writable)
        return self._shown[folder]


def _python(walls: Walls, plan: Plan, files: _Files) -> Top | None:
    """The interpreter's folder as a top, so that root of a box can install into it as everywhere; None where it lies
    below /usr, or cannot be one.
    """
    prefix, disk = walls.python.prefix, plan.disk
    if prefix is None or not walls.overlay:
        return None
    try:
        lowest = files.seen(prefix)
    except OSError:  # its file system cannot translate users: it is there, but read-only
        return None
    above = [files.seen(each / layers.PYTHON) for each in plan.template.layers if (each / layers.PYTHON).is_dir()]
    upper, work = disk.up(layers.PYTHON), disk.root / "work" / layers.PYTHON
    upper.chmod(prefix.stat().st_mode & 0o7777)
    return Top(str(prefix), (lowest, *above), files.seen(upper), files.seen(work))


def _top(walls: Walls, plan: Plan, files: _Files, name: str) -> Top | None:
    target, disk = layers.PLACES[name], plan.disk
    lowers = layers.lower(name, walls.base, plan.template.layers)
    if not lowers:
        return None
    if not walls.overlay and name == "slash":
        return None  # a folder that only the edge can write holds no places for the others: the root is bubblewrap's
    if not walls.overlay and name == "home":
        return Top(target, (), files.seen(disk.up(name)))
    if not walls.overlay:
        if len(lowers) > 1:
            raise OSError(errno.ENOTSUP, "boxes have no overlays on this machine, and the template changes", target)
        return Top(target, (files.seen(lowers[0]),))
    disk.up(name).chmod(lowers[-1].stat().st_mode & 0o7777)  # a top's own rights are those of its upper folder
    work = disk.root / "work" / name
    return Top(target, tuple(map(files.seen, lowers)), files.seen(disk.up(name)), files.seen(work))
