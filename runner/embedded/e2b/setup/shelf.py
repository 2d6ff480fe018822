"""Where layers are kept, and the record that lies beside each: what is in it, and over which host it is good.

A layer is made over the host's own `/usr`: what the host has already is not in it. So it is good on this host only,
and only while what it builds upon is still there.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, field
from pathlib import Path

from runner.errors import ServiceError
from runner.records import dataclass

_RECORD = "manifest.json"
_FORMAT = 1
_STATUS = Path("/var/lib/dpkg/status")
#: Descriptors of the records of layers that boxes of this process are made of.
_holds: list[int] = []


@dataclass(frozen=True, slots=True)
class Package:
    """One package in a layer: its version, the SHA-256 of the file that it came in, that file's bytes."""

    name: str
    version: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The record of a layer.

    `host` is the release and processor that it was made on, `python` the version of Python whose extensions it holds
    (empty: none), `borrows` the host's packages that it builds upon, `made` a Unix time, `bytes` what it takes,
    `recipe` names how it was made: a layer of another recipe is out of date.
    """

    name: str
    recipe: str
    host: str
    made: float
    bytes: int
    packages: tuple[Package, ...] = ()
    borrows: tuple[str, ...] = ()
    python: str = ""
    format: int = field(default=_FORMAT)


def data_folder(environ: Mapping[str, str]) -> Path:
    """Where runner keeps what it has set up for this user: RUNNER_HOME, or `runner` in the folder for data."""
    own = environ.get("RUNNER_HOME")
    if own:
        return Path(own)
    base = environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path(environ.get("HOME") or "~").expanduser() / ".local" / "share") / "runner"


def shelf(environ: Mapping[str, str]) -> Path:
    """The folder of all layers."""
    return data_folder(environ) / "e2b" / "layers"


def host() -> str:
    """The release and processor of this machine, as layers name it."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    return f"{release.get('ID', 'linux')} {release.get('VERSION_ID', '')} {platform.machine()}".replace("  ", " ")


def python() -> str:
    """The Python whose extensions a layer made now can hold."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def read(folder: Path) -> Manifest | None:
    """The record of the layer in a folder; None where there is none that can be read."""
    try:
        raw = json.loads((folder / _RECORD).read_text())
        if raw.get("format") != _FORMAT:
            return None
        packages = tuple(Package(**each) for each in raw.pop("packages"))
        return Manifest(packages=packages, borrows=tuple(raw.pop("borrows")), **raw)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def files(folder: Path) -> Path:
    """The layer itself, in the folder that holds it and its record."""
    return folder / "layer"


def fault(manifest: Manifest, recipe: str) -> str:
    """Why a layer is of no use here and now; empty when it is good."""
    if manifest.recipe != recipe:
        return "it was made by another version of runner"
    if manifest.host != host():
        return f"it was made for {manifest.host}, and this is {host()}"
    if manifest.python and manifest.python != python():
        return f"it was made for Python {manifest.python}, and boxes have {python()}"
    gone = sorted(set(manifest.borrows) - installed().keys()) if manifest.borrows else []
    if gone:
        return f"the host no longer has {', '.join(gone[:3])}{' …' if len(gone) > 3 else ''}"
    return ""


def installed() -> dict[str, str]:
    """The versions of the packages that dpkg has installed on the host; empty where there is no dpkg."""
    found: dict[str, str] = {}
    name = state = ""
    try:
        lines = _STATUS.read_text(errors="replace").splitlines()
    except OSError:
        return {}
    for line in lines:
        key, _, value = line.partition(": ")
        if key == "Package":
            name, state = value, ""
        elif key == "Status":
            state = value
        elif key == "Version" and state.endswith(" installed"):
            found[name] = value
    return found


@contextmanager
def turn(shelf_folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """One process at a time makes or removes layers; others wait, and say so. Raises ServiceError where the shelf
    cannot be written.
    """
    try:
        shelf_folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(shelf_folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _unwritable(shelf_folder, error) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another `runner setup`")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _unwritable(folder: Path, error: OSError) -> ServiceError:
    return ServiceError(f"{folder} cannot be written: {error.strerror}", "set RUNNER_HOME to a folder of yours")


@contextmanager
def making(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` to make it in; it takes its place when the block ends well, else it is removed.

    For one whose turn it is. Raises ServiceError where it cannot be written, or a living process holds the old one.
    """
    try:
        for left in folder.parent.glob(f".{folder.name}-*"):  # by a run that was killed
            discard(left)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        fresh.chmod(0o755)  # users of boxes walk through it
    except OSError as error:
        raise _unwritable(folder.parent, error) from error
    try:
        yield fresh
        old = fresh.with_name(f"{fresh.name}.old")
        with unheld(folder):
            if folder.exists():
                folder.rename(old)
            fresh.rename(folder)
        discard(old)
    finally:
        discard(fresh)


def discard(folder: Path) -> None:
    """Remove a folder that is of no use any more, if it is there."""
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def remove(folder: Path) -> None:
    """Remove a layer, as a whole. Raises ServiceError where this user may not."""
    gone = folder.with_name(f".{folder.name}-gone")
    discard(gone)
    try:
        folder.rename(gone)
    except OSError as error:
        raise ServiceError(f"{folder} cannot be removed: {error.strerror}", "run this as its owner") from error
    discard(gone)


def hold(folder: Path) -> bool:
    """Keep a layer from being replaced or removed for as long as this process lives: boxes are made of it.

    False when it has just been replaced or removed: look at it again.
    """
    try:
        held = os.open(folder / _RECORD, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    fcntl.flock(held, fcntl.LOCK_SH)
    try:
        same = os.path.samestat(os.fstat(held), (folder / _RECORD).stat())
    except FileNotFoundError:
        same = False
    if same:
        _holds.append(held)
    else:
        os.close(held)
    return same


@contextmanager
def unheld(folder: Path) -> Iterator[None]:
    """In this block no process begins to hold a layer. Raises ServiceError where a living one holds it already."""
    try:
        record = os.open(folder / _RECORD, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        try:
            fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServiceError(
                f"an endpoint that runs makes boxes of {folder}", "end it (Ctrl-C where it serves), then run this again"
            ) from error
        yield
    finally:
        os.close(record)


def write(folder: Path, manifest: Manifest) -> None:
    """Put the record beside a layer."""
    (folder / _RECORD).write_text(json.dumps(asdict(manifest), indent=1) + "\n")


def size(folder: Path) -> int:
    """Bytes that the files below a folder take."""
    total = 0
    for place, _, names in os.walk(folder):
        total += sum((Path(place) / name).lstat().st_blocks * 512 for name in names)
    return total
