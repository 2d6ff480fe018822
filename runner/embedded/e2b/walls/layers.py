"""What a box's files are made of: the base, a template's layers over it, and what the box itself writes on top.

A **layer** is a folder on the host that holds some of `TOPS`, and what of them is other than below it, as overlayfs
keeps it: a character device 0/0 for what is gone, the attribute `user.overlay.opaque` on a folder that hides the one
below. Its users are literal: what user 0 owns is the box's root's, 1000 is `user`.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from runner.errors import SandboxMissing

#: The folders of a layer and the places in a box that they are, those first that hold others. `slash` has what
#: templates make there (`/app`). The packages' records lie apart from the rest of `var`, for below them lie the host's
#: own.
PLACES = {
    "slash": "/", "usr": "/usr", "etc": "/etc", "var": "/var", "opt": "/opt", "root": "/root", "srv": "/srv",
    "home": "/home", "dpkg": "/var/lib/dpkg",
}  # fmt: skip
#: The top that lies where the interpreter of boxes does, if that is not below /usr: what `pip` installs for all.
PYTHON = "python"
TOPS = (*PLACES, PYTHON)
#: Where other things lie on the root of a box.
_POINTS = ("dev", "media", "mnt", "proc", "run", "tmp")
#: The host's folders of programs beside /usr: mostly links into it.
PROGRAMS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
#: What of /usr the host's people fill, who may have closed some of it; all else is packages', as on any machine.
_OWN_PROGRAMS = Path("/usr/local")
_DEPTH = 5
#: Tops whose lowest layer is the host's own folder, read only.
HOSTS = {"usr": Path("/usr"), "dpkg": Path("/var/lib/dpkg")}
#: What of the host's /etc a box has, where it is there: programs need it, and it tells nothing of the host's people.
_ETC = (
    "alternatives", "apt/sources.list", "apt/sources.list.d", "apt/trusted.gpg.d", "apt/keyrings", "apt/preferences.d",
    "bash_completion.d", "debconf.conf", "debian_version", "default/useradd", "deluser.conf", "adduser.conf", "dpkg",
    "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "login.defs", "magic", "mime.types",
    "os-release", "pam.d", "protocols", "python3", "services", "ssl/certs", "ssl/openssl.cnf", "terminfo",
)  # fmt: skip
#: Users that every Debian has, with the numbers that packages expect: (uid, gid, home).
_SYSTEM = {
    "daemon": (1, 1, "/usr/sbin"), "bin": (2, 2, "/bin"), "sys": (3, 3, "/dev"), "games": (5, 60, "/usr/games"),
    "man": (6, 12, "/var/cache/man"), "lp": (7, 7, "/var/spool/lpd"), "mail": (8, 8, "/var/mail"),
    "news": (9, 9, "/var/spool/news"), "uucp": (10, 10, "/var/spool/uucp"), "proxy": (13, 13, "/bin"),
    "www-data": (33, 33, "/var/www"), "backup": (34, 34, "/var/backups"), "list": (38, 38, "/var/list"),
    "irc": (39, 39, "/run/ircd"), "_apt": (42, 65534, "/nonexistent"),
}  # fmt: skip
_GROUPS = {
    "daemon": 1, "bin": 2, "sys": 3, "adm": 4, "tty": 5, "disk": 6, "lp": 7, "mail": 8, "news": 9, "uucp": 10,
    "man": 12, "proxy": 13, "kmem": 15, "dialout": 20, "fax": 21, "voice": 22, "cdrom": 24, "floppy": 25, "tape": 26,
    "audio": 29, "dip": 30, "www-data": 33, "backup": 34, "operator": 37, "list": 38, "irc": 39, "src": 40,
    "shadow": 42, "utmp": 43, "video": 44, "sasl": 45, "plugdev": 46, "staff": 50, "games": 60, "users": 100,
}  # fmt: skip
_VAR = (
    "backups", "cache/apt/archives/partial", "cache/debconf", "cache/man", "lib/apt/lists/partial", "lib/dpkg",
    "lib/misc", "lib/systemd", "local", "log/apt", "mail", "opt", "spool",
)  # fmt: skip
_USER = 1000
#: The first number of a person, by Debian's custom.
_PEOPLE = 1000
#: The host's asks for things that no box has: limits, keyrings, logins.
_PAM = (
    "auth sufficient pam_rootok.so\nauth required pam_unix.so\naccount required pam_permit.so\n"
    "session required pam_permit.so\n"
)
#: Only a terminal's shell has a prompt; for all others this costs nothing.
_PROMPT = "[ -z \"$PS1\" ] || PS1='\\u@\\h:\\w\\$ '\n"
#: `user:password@` in a package source's address.
_CREDENTIALS = re.compile(rb"(?<=://)[^\s/@]+@")


def lower(top: str, base: Path, layers: Sequence[Path]) -> list[Path]:
    """The folders that lie below a box's own for one of `TOPS`, the lowest first."""
    hosts = [HOSTS[top]] if top in HOSTS else []
    return [each for each in (*hosts, *(layer / top for layer in (base, *layers))) if each.is_dir()]


def link_on_way(folders: Sequence[Path], parts: Sequence[str]) -> bool:
    """Whether the way down from folders that lie over one another, the lowest first, leads over a symbolic link."""
    for part in parts:
        there = [folder / part for folder in folders if os.path.lexists(folder / part)]
        if there and there[-1].is_symlink():
            return True
        folders = [each for each in there if each.is_dir() and not each.is_symlink()]
    return False


def copy(source: Path, target: Path, uid: int | None = None) -> None:
    """Copy what is in a folder into another, whole: owners, rights, times, attributes, links, devices, holes.

    With `uid` all of it becomes that host user's. Blocks. Raises OSError.
    """
    _run(["cp", "-a", "--reflink=auto", "--no-target-directory", "--", str(source), str(target)])
    if uid is not None:
        _run(["chown", "-R", "--no-dereference", f"{uid}:{uid}", "--", str(target)])


def _run(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"{words[0]}: {done.stderr.strip()[-300:]}")


def prepare(folder: Path, owns: bool, inner: Sequence[Path]) -> None:
    """Make the base. `owns` tells that users can be set as they are in the box; else all of it is ours.

    `inner` are places in the box that will have something mounted on them. Raises SandboxMissing.
    """
    folder.mkdir()
    for name in TOPS:
        (folder / name).mkdir()
    try:
        with _copying_etc(folder / "etc"):
            _slash(folder / "slash")
            for name in _VAR:
                (folder / "var" / name).mkdir(parents=True)
            for name, target in (("tmp", "/tmp"), ("run", "/run"), ("lock", "/run/lock")):  # noqa: S108
                (folder / "var" / name).symlink_to(target)
            for name in ("home/user", "etc/skel"):
                (folder / name).mkdir()
            (folder / "root").chmod(0o700 if owns else 0o755)
            for place in inner:
                _way(folder if f"/{place.parts[1]}" in PLACES.values() else folder / "slash", place)
            if owns:
                conceal(_OWN_PROGRAMS, folder / _OWN_PROGRAMS.relative_to("/"), _DEPTH)
        _etc(folder / "etc")
        if owns:
            _give(folder)
        for name in (*HOSTS, PYTHON):
            with suppress(OSError):
                (folder / name).rmdir()  # nothing of ours lies over what is the host's
    except OSError as error:
        message = f"the files of boxes cannot be prepared in {folder}: {error}"
        raise SandboxMissing(message, "free some space, or choose another folder by --folder") from error


def conceal(source: Path, target: Path, depth: int) -> None:
    """Make in a layer's `target` that nobody sees there what not everybody on the host may read below `source`.

    Root of a box could read it otherwise. It looks `depth` folders deep. Raises OSError.
    """
    with suppress(PermissionError), os.scandir(source) as found:
        for each in found:
            mode = each.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode) and mode & 0o005 == 0o005:
                if depth > 1:
                    conceal(source / each.name, target / each.name, depth - 1)
            elif not stat.S_ISLNK(mode) and not (stat.S_ISREG(mode) and mode & 0o004):
                _mirror(source, target)
                os.mknod(target / each.name, stat.S_IFCHR, os.makedev(0, 0))  # overlayfs's word for "gone"


def _mirror(source: Path, target: Path) -> None:
    """Make a folder as another is: of those that lie over one another the upper one's rights hold."""
    if not target.is_dir():
        if not target.parent.is_dir():
            _mirror(source.parent, target.parent)
        target.mkdir()
    info = source.stat()
    os.chown(target, info.st_uid, info.st_gid)
    target.chmod(info.st_mode & 0o7777)


def _slash(folder: Path) -> None:
    for name in (*_POINTS, *(place[1:] for place in PLACES.values() if place.count("/") == 1 and place != "/")):
        (folder / name).mkdir()
    for name in PROGRAMS:
        place = Path("/") / name
        if place.is_symlink():
            (folder / name).symlink_to(place.readlink())
        elif place.is_dir():
            (folder / name).mkdir()


def _way(folder: Path, place: Path) -> None:
    """Make the folders on the way to a place. They can be walked through by all, looked into by their owner."""
    way = folder
    for name in place.parts[1:]:
        way = way / name
        if not way.exists():
            way.mkdir(mode=0o711)
        elif not way.stat().st_mode & 0o001:
            way.chmod(0o711)


def _give(folder: Path) -> None:
    _, groups = _accounts()
    os.chown(folder / "home" / "user", _USER, _USER)
    for name, group in (("etc/shadow", "shadow"), ("etc/gshadow", "shadow"), ("var/mail", "mail")):
        os.chown(folder / name, 0, groups[group])
    (folder / "var/mail").chmod(0o2775)
    os.chown(folder / "var/local", 0, groups["staff"])


def _copying_etc(folder: Path) -> subprocess.Popen[bytes]:
    """A process that copies what a box has of the host's /etc; as a context manager it is waited for."""
    found = [name for name in _ETC if os.path.lexists(f"/etc/{name}")]
    words = ["cp", "-a", "--no-preserve=ownership", "--parents", "--target-directory", str(folder), "--", *found]
    silent = subprocess.DEVNULL
    # What we may not read it leaves out, and so should it be.
    return subprocess.Popen(words, cwd="/etc", stdin=silent, stdout=silent, stderr=silent)


def _etc(folder: Path) -> None:
    """Make the /etc of all boxes of what was copied: its own users, no host names, no resolver, a short profile, no
    credentials.

    The profile matters: every command is a login shell, and a host's profile costs 171 ms each time.
    """
    _hide(folder)
    users, groups = _accounts()
    files = {
        "passwd": "".join(
            f"{name}:x:{uid}:{gid}:{name}:{home}:{_shell(uid)}\n" for name, (uid, gid, home) in users.items()
        ),
        "shadow": "".join(f"{name}:*:19000:0:99999:7:::\n" for name in users),
        "group": "".join(f"{name}:x:{gid}:{'user' if name == 'sudo' else ''}\n" for name, gid in groups.items()),
        "gshadow": "".join(f"{name}:*::{'user' if name == 'sudo' else ''}\n" for name in groups),
        "hosts": "127.0.0.1 localhost box\n::1 localhost box\n",
        "hostname": "box\n",
        "resolv.conf": "",
        "nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
        "profile": _PROMPT,
        "bash.bashrc": _PROMPT,
        "environment": "",
        "pam.d/su": _PAM,
        "pam.d/su-l": _PAM,
        "shells": "/bin/sh\n/bin/bash\n/usr/bin/sh\n/usr/bin/bash\n",
        "apt/apt.conf.d/90box": 'APT::Sandbox::User "root";\nAcquire::Languages "none";\n',
    }
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    for name in ("shadow", "gshadow"):
        (folder / name).chmod(0o640)


def _accounts() -> tuple[dict[str, tuple[int, int, str]], dict[str, int]]:
    """The users and groups of a box: its own, Debian's, and the host's services' (no people's), which packages of the
    host's expect.
    """
    users = {each.pw_name: (each.pw_uid, each.pw_gid, each.pw_dir) for each in pwd.getpwall() if each.pw_uid < _PEOPLE}
    groups = {each.gr_name: each.gr_gid for each in grp.getgrall() if each.gr_gid < _PEOPLE}
    taken = {uid for uid, *_ in users.values()}
    users |= {name: entry for name, entry in _SYSTEM.items() if name not in users and entry[0] not in taken}
    groups |= {name: gid for name, gid in _GROUPS.items() if name not in groups and gid not in groups.values()}
    own = {"root": (0, 0, "/root"), "nobody": (65534, 65534, "/nonexistent"), "user": (_USER, _USER, "/home/user")}
    return users | own, groups | {"root": 0, "sudo": 27, "nogroup": 65534, "user": _USER}


def _shell(uid: int) -> str:
    return "/bin/bash" if uid in (0, _USER) else "/usr/sbin/nologin"


def _hide(folder: Path) -> None:
    """Take away what not everybody on the host may read, and credentials in what is left."""
    for each in list(os.scandir(folder)):
        if each.is_symlink():
            continue
        mode = each.stat(follow_symlinks=False).st_mode
        if each.is_dir():
            _hide(Path(each.path))
        elif not (stat.S_ISREG(mode) and mode & 0o004):
            Path(each.path).unlink()
        elif "/apt/" in each.path:
            place = Path(each.path)
            place.write_bytes(_CREDENTIALS.sub(b"", place.read_bytes()))
