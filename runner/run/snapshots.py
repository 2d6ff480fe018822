"""Snapshots: the files of a step's box after it succeeded, kept as a tar; and boxes that begin with such files.

A snapshot is the box's home folder without runner's own folders, in the deterministic form that boxes export: names
sorted, modes and times kept, links as links. It lies beside the artifacts, by its digest, so equal files cost nothing.
"""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from runner.compiler.canonical import Json
from runner.records import dataclass
from runner.run import artifacts
from runner.run.journal import Journal
from runner.run.supply import Held


@dataclass(frozen=True, slots=True)
class Beginning:
    """The files that the boxes of a sandbox begin with, as a tar, and where they are from, for people."""

    tar: bytes
    source: str


@dataclass(frozen=True, slots=True)
class Snapshots:
    """What becomes of boxes' files: whether every step's are kept, and what boxes begin with, by their sandboxes."""

    keep: bool = False
    beginnings: Mapping[str, Beginning] = field(default_factory=dict)


async def begin(snapshots: Snapshots, held: Held, journal: Journal, leg: str) -> None:
    """Give a box that nothing was put into yet the files that it begins with, if there are any. Raises BoxError."""
    found = snapshots.beginnings.get(held.sandbox.name)
    if found is None:
        return
    await held.box.import_tar(held.box.home, found.tar)
    about = {**_about(held), "source": found.source, "bytes": len(found.tar)}
    journal.note(journal.fact("snapshot.restored", about, leg))


async def keep(held: Held, tar: bytes | None, journal: Journal, leg: str, folder: Path) -> None:
    """Keep the files of a box in which a leg has ended; `tar` is its home folder where that was read already.

    Raises BoxError, StoreError.
    """
    whole = await held.box.export_tar(held.box.home) if tar is None else tar
    kept = await asyncio.to_thread(stored, folder, whole)
    about: dict[str, Json] = {"digest": kept.digest, "bytes": kept.bytes, "files": kept.files}
    journal.put("step", leg, {"snapshot": {**about, "path": str(kept.path), "sandbox": held.sandbox.name}})
    journal.note(journal.fact("snapshot.stored", {**_about(held), **about}, leg))


def stored(folder: Path, tar: bytes) -> artifacts.Kept:
    """Store a home folder as a snapshot. Blocks. Raises StoreError."""
    own, files = without_own(tar)
    return artifacts.keep(folder, artifacts.Collected(own, files))


def _about(held: Held) -> dict[str, Json]:
    return {"sandbox": held.sandbox.name, "provider": held.box.provider, "box": held.box.id}


def without_own(tar: bytes) -> tuple[bytes, int]:
    """A home folder without runner's own folders, and how many files and links it has."""
    buffer, files = io.BytesIO(), 0
    with (
        tarfile.open(fileobj=io.BytesIO(tar)) as source,
        tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as target,
    ):
        for member in source:
            if member.name.split("/")[0] not in artifacts.OWN_FOLDERS:
                target.addfile(member, source.extractfile(member) if member.isfile() else None)
                files += not member.isdir()
    return buffer.getvalue(), files
