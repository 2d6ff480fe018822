"""Volumes: folders that outlive boxes, written over HTTP and by every box that mounts them."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import time
import uuid
from pathlib import Path

from runner.embedded.e2b.folders import durable
from runner.embedded.e2b.folders.state import remove
from runner.records import dataclass

#: The version of the index.
VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
#: The box's user (`user`), who owns what is made without naming an owner.
USER = 1000


#: Where a volume may be in a box; elsewhere it would hide what the box needs.
MOUNTABLE = "its path must be absolute and plain, and not /, the user's home, or in the system's own folders"
_SYSTEM = ("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "sys", "usr", "var")
_WHOLE = ("/", "/home", "/home/user", "/opt", "/root", "/tmp")  # noqa: S108 - in the box
_OURS = "/opt/runner"


def mountable(path: str) -> bool:
    """Whether a volume may be mounted at this normal path of a box."""
    first = path.removeprefix("/").partition("/")[0]
    plain = path.startswith("/") and not path.startswith("//") and "\0" not in path
    return plain and first not in _SYSTEM and path not in _WHOLE and not path.startswith(_OURS)


class VolumeRefused(Exception):
    """A volume that cannot be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume, and the folder with its files. `created_at` is in Unix seconds."""

    id: str
    name: str
    folder: Path
    created_at: float


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume in a box: at which absolute path."""

    volume: Volume
    path: str


class Volumes:
    """All volumes of an endpoint, below a folder: `index.json`, `key`, and `<id>/` for each."""

    def __init__(self, folder: Path, *, literal: bool, shared: bool = True, sync: bool = False) -> None:
        """`literal`: files have the box's own user ids on the host (0 is the box's root, 1000 its user), as they have
        where each box has a range of users; else all belong to ourselves. `shared`: boxes can have them mounted.
        `sync`: what is written down survives a loss of power. Raises ServiceError.
        """
        self.shared, self._sync = shared, sync
        self._folder = folder
        self.literal = literal
        self._index = folder / "index.json"
        self._volumes: dict[str, Volume] = {}
        # As a box's root can make a program that runs as root, no other user of the host may walk to it.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key = durable.key(folder / "key", sync=sync)
        with durable.reading(self._index):
            for row in durable.load(self._index, VERSION).get("volumes", []):
                self._volumes[row["id"]] = Volume(row["id"], row["name"], folder / row["id"], row["created_at"])
        for each in folder.iterdir():
            if each.is_dir() and each.name not in self._volumes:
                remove(each)  # an endpoint was killed before it had made or removed it

    def all(self) -> list[Volume]:
        """All volumes, the oldest first."""
        return sorted(self._volumes.values(), key=lambda each: (each.created_at, each.id))

    def get(self, name: str) -> Volume | None:
        """The volume of this id."""
        return self._volumes.get(name)

    def named(self, name: str) -> Volume | None:
        """The volume of this name."""
        return next((each for each in self._volumes.values() if each.name == name), None)

    def create(self, name: str) -> Volume:
        """Make an empty volume. Raises VolumeRefused, OSError."""
        if not _NAME.fullmatch(name):
            raise VolumeRefused("Invalid volume name: letters, digits, - and _")
        if self.named(name) is not None:
            raise VolumeRefused(f"Volume with name '{name}' already exists")
        name_of_folder = str(uuid.uuid4())
        made = Volume(name_of_folder, name, self._folder / name_of_folder, time.time())
        made.folder.mkdir()
        if self.literal:
            os.chown(made.folder, USER, USER)
        made.folder.chmod(0o755)
        self._volumes[made.id] = made
        self._save()
        return made

    def destroy(self, volume: Volume) -> None:
        """Forget a volume and remove its files; blocks. Boxes that have it mounted see an empty folder."""
        self._volumes.pop(volume.id, None)
        self._save()
        remove(volume.folder)

    def token(self, volume: Volume) -> str:
        """What opens the content of this volume and of no other."""
        return "vol_" + hmac.new(self._key, volume.id.encode(), hashlib.sha256).hexdigest()

    def opens(self, volume: Volume, token: str) -> bool:
        """Whether a token is this volume's."""
        return hmac.compare_digest(token.encode(), self.token(volume).encode())

    def _save(self) -> None:
        rows = [{"id": each.id, "name": each.name, "created_at": each.created_at} for each in self.all()]
        index = {"version": VERSION, "volumes": rows}
        durable.replace(self._index, json.dumps(index).encode(), sync=self._sync)
