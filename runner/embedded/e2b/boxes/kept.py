"""What outlives a box: layers of files, the index of snapshots and of boxes that rest as files.

The folder: `layers/NAME/` are Layers (see `layers.py`), each written as `layers/.making-NAME` and renamed when it is
whole; `index.json` says what they are for. The index is replaced as a whole by a rename, so that whoever looks after
a `kill -9` finds the old one or the new one; a layer that it does not name is rubbish, swept away at the next start.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import Any

from runner.embedded.e2b.folders import durable
from runner.embedded.e2b.folders.state import remove
from runner.embedded.e2b.templates import Template, relative
from runner.records import dataclass

#: The version of the index. Another one is refused: nothing is guessed about people's files.
VERSION = 1
_MAKING = ".making-"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A template that was taken from a box: what boxes are made of, its tag, the box's id, when (Unix time)."""

    template: Template
    tag: str
    source: str
    taken_at: float


@dataclass(frozen=True, slots=True)
class Resting:
    """A paused box of which only the files are left: its id, what its client asked for (the body of the request), its
    template with the layers of its own, since when it was there and since when it rests (Unix times), whether its
    processes were meant to survive (`full`), and whether a request to it wakes it.
    """

    id: str
    asked: Mapping[str, Any]
    template: Template
    started_at: float
    paused_at: float
    full: bool
    auto_resume: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Index:
    """All that is kept."""

    snapshots: tuple[Snapshot, ...] = ()
    resting: tuple[Resting, ...] = ()


class Kept:
    """The folder of what is kept."""

    def __init__(self, folder: Path, key: bytes = b"") -> None:
        """With a `key` (32 bytes) it is durable: read at the next start, synced before anybody is told that a thing is
        kept; what clients asked for, which may hold secrets, is encrypted by the key.
        """
        self._folder = folder
        self._key = key
        self.durable = bool(key)
        self._layers = folder / "layers"
        #: Records whose layers are not all there, by the index's keys: not used, not lost.
        self._aside: dict[str, list[dict[str, Any]]] = {"snapshots": [], "boxes": []}
        #: What these want of: a sentence for each box's id.
        self.missing: dict[str, str] = {}
        self._layers.mkdir(mode=0o711, parents=True, exist_ok=True)
        folder.chmod(0o711)

    # ------------------------------------------------------------- layers

    def fresh(self) -> Path:
        """Where to write a new layer; nothing is there yet."""
        return self._layers / f"{_MAKING}{secrets.token_hex(8)}"

    def place(self, making: Path) -> Path:
        """Where a layer will be once it is whole."""
        return self._layers / making.name.removeprefix(_MAKING)

    def settle(self, making: Path) -> None:
        """Give a layer that is whole its place; blocks. Raises OSError."""
        if self.durable:
            durable.sync_all(making)
        making.rename(self.place(making))

    def owns(self, layer: Path) -> bool:
        """Whether it is one of these layers."""
        return layer.parent == self._layers

    def layers(self) -> list[Path]:
        """All layers that are whole."""
        return [layer for layer in self._layers.iterdir() if not layer.name.startswith(".")]

    def waiting(self) -> set[Path]:
        """Layers that nothing uses now, for what needs them waits for others to be there again."""
        aside = [record for records in self._aside.values() for record in records]
        return {self._folder / layer for record in aside for layer in record["template"]["layers"]}

    def remove(self, layers: Iterable[Path]) -> None:
        """Remove layers; blocks."""
        for layer in layers:
            remove(layer)

    def discard(self, making: Path) -> None:
        """Remove a layer that did not become whole; blocks."""
        remove(making)

    # ------------------------------------------------------------- index

    def read(self) -> Index:
        """What an earlier endpoint kept, without what it left half made. Raises ServiceError."""
        for half in self._layers.glob(".*"):
            remove(half)
        file = self._folder / "index.json"
        with durable.reading(file):
            value = durable.load(file, VERSION)
            if not value:
                return Index()
            found = {key: list(self._there(key, value[key])) for key in self._aside}
            snapshots = tuple(Snapshot(**{**each, "template": self._template(each)}) for each in found["snapshots"])
            resting = tuple(self.unpacked(each) for each in found["boxes"])
        return Index(snapshots, resting)

    def write(self, index: Index) -> None:
        """Replace the index; blocks. Raises OSError."""
        value = {
            "version": VERSION,
            "snapshots": [*(self._record(each) for each in index.snapshots), *self._aside["snapshots"]],
            "boxes": [
                *(self.packed(each) for each in index.resting),
                *self._aside["boxes"],
            ],
        }
        durable.replace(self._folder / "index.json", json.dumps(value, indent=1).encode(), sync=self.durable)

    def packed(self, each: Resting) -> dict[str, Any]:
        """A resting box as plain JSON, what its client asked for sealed."""
        return {**self._record(each), "asked": self._sealed(each.asked)}

    def unpacked(self, record: Mapping[str, Any]) -> Resting:
        """The box that `packed` gave. Raises ValueError, KeyError, TypeError."""
        return Resting(**{**record, "template": self._template(record), "asked": self._opened(record["asked"])})

    def _record(self, each: Snapshot | Resting) -> dict[str, Any]:
        layers = [relative(layer, self._folder) for layer in each.template.layers]
        template = replace(each.template, layers=())
        return {**asdict(replace(each, template=template)), "template": {**asdict(template), "layers": layers}}

    def _sealed(self, asked: Mapping[str, Any]) -> object:
        if not self._key:
            return dict(asked)
        from cryptography.fernet import Fernet

        box = Fernet(base64.urlsafe_b64encode(self._key))
        return box.encrypt(json.dumps(asked).encode()).decode()

    def _opened(self, asked: object) -> Mapping[str, Any]:
        """Raises ValueError when it was sealed by another key."""
        from cryptography.fernet import Fernet, InvalidToken

        if isinstance(asked, dict):
            return asked
        try:
            found: Mapping[str, Any] = json.loads(Fernet(base64.urlsafe_b64encode(self._key)).decrypt(str(asked)))
        except InvalidToken as error:
            raise ValueError("it does not belong to the key that lies beside it") from error
        return found

    def _template(self, record: Mapping[str, Any]) -> Template:
        value = dict(record["template"])
        value["layers"] = tuple(self._folder / layer for layer in value["layers"])
        value["names"] = tuple(value["names"])
        return Template(**value)

    def _there(self, key: str, records: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The records whose layers are there. Layers of set up templates lie elsewhere, and may be removed."""
        for record in records:
            missing = [layer for layer in record["template"]["layers"] if not (self._folder / layer).is_dir()]
            if missing:
                self._aside[key].append(record)
                self.missing[str(record.get("id", ""))] = f"its files are kept, but not {missing[0]}, which it needs"
            else:
                yield record
