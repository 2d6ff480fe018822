"""Disk images: a file system of a set size in a sparse file, mounted by a loop device. A full one says ENOSPC.

Facts: loop(4), <linux/loop.h>. A loop device that clears itself goes when its last mount goes, also by `kill -9` of
the edge, whose mount namespace ends with it.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runner.embedded.e2b.walls import mounts

_CONTROL = Path("/dev/loop-control")
_GET_FREE, _CONFIGURE = 0x4C82, 0x4C0A
_AUTOCLEAR = 4
_MAJOR = 7
#: Another program may take a free device before us.
_ATTEMPTS = 20
#: Seconds between two looks at who has an image.
_LOOK = 0.02
_BUSY = (errno.EBUSY, errno.EAGAIN, errno.ENXIO)
#: No journal: a box's files end with the machine that crashes. No reserve: nobody in a box is the root it would be for.
_MAKE = ("-q", "-F", "-t", "ext4", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard,root_owner=0:0")
#: What is deleted in the box is given back to the host; tables of files are written when there are files.
_OPTIONS = "discard,noinit_itable"


class _Info(ctypes.Structure):
    """`struct loop_config` with the `struct loop_info64` in it."""

    _fields_ = (
        ("fd", ctypes.c_uint32),
        ("block_size", ctypes.c_uint32),
        ("numbers", ctypes.c_uint64 * 5),
        ("number", ctypes.c_uint32),
        ("encrypt_type", ctypes.c_uint32),
        ("encrypt_key_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("names", ctypes.c_uint8 * 160),
        ("init", ctypes.c_uint64 * 2),
        ("reserved", ctypes.c_uint64 * 8),
    )


def make(image: Path, size_mb: int) -> None:
    """Make an image of this many MiB; takes 20 ms. Raises OSError."""
    program = shutil.which("mke2fs", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise OSError(errno.ENOENT, "there is no mke2fs on this machine (apt-get install e2fsprogs)")
    with image.open("wb") as file:
        file.truncate(size_mb * 1024 * 1024)
    done = subprocess.run([program, *_MAKE, str(image)], capture_output=True, text=True, check=False, env={})
    if done.returncode != 0:
        raise OSError(f"{program}: {done.stderr.strip()[-300:]}")


def copy(source: Path, target: Path) -> None:
    """Copy an image, its holes as holes. Raises OSError."""
    with source.open("rb") as old, target.open("wb") as new:
        size = os.fstat(old.fileno()).st_size
        new.truncate(size)
        at = 0
        while (at := _data(old.fileno(), at)) < size:
            end = os.lseek(old.fileno(), at, os.SEEK_HOLE)
            while at < end:
                at += os.copy_file_range(old.fileno(), new.fileno(), end - at, at, at)


def _data(fd: int, at: int) -> int:
    try:
        return os.lseek(fd, at, os.SEEK_DATA)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return os.fstat(fd).st_size


def mount(image: Path, target: Path) -> None:
    """Mount an image. Raises OSError."""
    with _loop(image) as device:
        mounts.filesystem(device, target, "ext4", _OPTIONS)


def let_go(image: Path, seconds: float) -> None:
    """Wait until no loop device has an image any more, for so many seconds. Raises OSError when one still has."""
    end = time.monotonic() + seconds
    while any(_has(device, image) for device in Path("/sys/block").glob("loop*/loop/backing_file")):
        if time.monotonic() > end:
            raise OSError(errno.EBUSY, f"{image} is still mounted")
        time.sleep(_LOOK)


def _has(device: Path, image: Path) -> bool:
    try:
        return device.read_text().rstrip("\n") == str(image)
    except OSError:
        return False  # it has just been let go


@contextmanager
def _loop(image: Path) -> Iterator[Path]:
    """A loop device with the image. It is kept by the mount made meanwhile, or goes."""
    file = os.open(image, os.O_RDWR | os.O_CLOEXEC)
    try:
        number, fd = _attach(file)
        try:
            yield Path(f"/dev/loop{number}")
        finally:
            os.close(fd)
    finally:
        os.close(file)


def _attach(file: int) -> tuple[int, int]:
    control = os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(_ATTEMPTS):
            number = fcntl.ioctl(control, _GET_FREE)
            device = Path(f"/dev/loop{number}")
            if not device.exists():  # in a container nobody makes the files of devices
                with suppress(FileExistsError):
                    os.mknod(device, stat.S_IFBLK | 0o600, os.makedev(_MAJOR, number))
            fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(fd, _CONFIGURE, _Info(fd=file, flags=_AUTOCLEAR))
            except OSError as error:
                os.close(fd)
                if error.errno not in _BUSY:
                    raise
            else:
                return number, fd
    finally:
        os.close(control)
    raise OSError(errno.EBUSY, "no loop device can be had")
