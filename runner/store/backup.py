"""Backups of a state folder: one file with the store as it was at one moment, logs and artifacts; and back again."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from runner.errors import JournalBroken, StoreError, UsageError
from runner.records import dataclass
from runner.run.ports import StateStore
from runner.store.examine import Findings, examine
from runner.store.failure import from_os
from runner.store.lock import StoreLock
from runner.store.swap import swap
from runner.store.watermark import copy_store, is_store

_NAME = "state"
#: What is kept of a state folder beside the store.
_BESIDE = ("runs", "artifacts")
_OURS = re.compile(r"state-\d{8}T\d{12}\.tar\.gz")


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made: its size in bytes, and how many runs and events are in it."""

    file: Path
    bytes: int
    runs: int
    events: int


def needs_a_folder(environ: Mapping[str, str], what: str, instead: str) -> None:
    """Raise UsageError where the state is on a server: `runner state WHAT` works on files."""
    if environ.get("RUNNER_STATE_URL"):
        raise UsageError(
            f"`runner state {what}` works on a folder, and RUNNER_STATE_URL names a server",
            f"Unset it to work on the folder; for a server there is {instead}.",
        )


def back_up(folder: Path, file: Path, opened: Callable[[Path], StateStore]) -> Backup:
    """Write the state of `folder` as it is at one moment, logs and artifacts into the new file `file`; `opened` gives
    the store of the copy. Blocks. Raises UsageError, StoreError, and JournalBroken where a journal does not hold.
    """
    needs_a_folder(os.environ, "backup", "its own server's means, or `runner state export`")
    place = Path(tempfile.mkdtemp(prefix="runner-backup-"))
    try:
        copy = copied(folder, place)
        runs, events = verified(opened(copy))
        # Opening has cut off what was never acknowledged: what is packed is what was verified.
        return Backup(file, write(folder, copy, file), runs, events)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def verified(store: StateStore) -> tuple[int, int]:
    """How many runs and events a store has that nobody else has open. Blocks. Raises JournalBroken when one does not
    hold, StoreError.
    """

    async def main() -> Findings:
        await store.open()
        try:
            return await examine(store)
        finally:
            await store.close()

    found = asyncio.run(main())
    if found.broken:
        raise JournalBroken("\n".join(found.broken), "Nothing was written. `runner state check` looks at the state.")
    return found.runs, found.events


def new_name(folder: Path, moment: datetime) -> Path:
    """The file of a backup that is one of many in a folder, which is made where it is missing. Raises StoreError."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise from_os(folder, error) from error
    return folder / f"state-{moment:%Y%m%dT%H%M%S%f}.tar.gz"


def rotate(folder: Path, keep: int) -> list[Path]:
    """Remove all but the newest `keep` backups that `new_name` has named; which. Other files stay. Raises StoreError,
    and UsageError when none would be kept.
    """
    if keep < 1:
        raise UsageError(f"keeping {keep} backups keeps none", "Keep 1 or more.")
    old = sorted(file for file in folder.glob("state-*.tar.gz") if _OURS.fullmatch(file.name))[:-keep]
    try:
        for file in old:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise from_os(folder, error) from error
    return old


def copied(folder: Path, place: Path) -> Path:
    """A copy of the folder's store in `place`, as it is at one moment, while others write. Raises StoreError."""
    if not is_store(folder / _NAME):
        raise UsageError(f"nothing is stored in {folder}", "Name the folder with --state DIR.")
    try:
        copy_store(folder / _NAME, place / _NAME)
    except OSError as error:
        raise from_os(folder, error) from error
    return place / _NAME


def write(folder: Path, copy: Path, file: Path) -> int:
    """Pack a copied store, and what is beside it in the folder, into the new file `file`; its size in bytes.

    The file is there whole or not at all. Raises UsageError when it is there already, StoreError.
    """
    if file.exists():
        raise UsageError(f"{file} exists already", "Name another file; a backup is never overwritten.")
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with tarfile.open(draft, "x:gz", compresslevel=6) as tar:
            draft.chmod(0o600)  # states hold what people write: theirs alone
            for path in (copy, copy.with_name(f"{_NAME}.mark")):
                if path.exists():
                    tar.add(path, path.name)
            for name in _BESIDE:
                if (folder / name).is_dir():
                    tar.add(folder / name, name)
        with draft.open("rb") as done:
            os.fsync(done.fileno())
        os.link(draft, file)  # unlike a rename it never takes the place of another file
    except FileExistsError as error:
        raise UsageError(f"{file} exists already", "Name another file; a backup is never overwritten.") from error
    except (OSError, tarfile.TarError) as error:
        raise _failed(file, error) from error
    finally:
        draft.unlink(missing_ok=True)
    return file.stat().st_size


def unpack(file: Path, folder: Path) -> Path:
    """Unpack a backup into a new folder below `folder`; the store is `state` in it. Raises StoreError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix="restoring-", dir=folder))
    except OSError as error:
        raise from_os(folder, error) from error
    try:
        with tarfile.open(file, "r:gz") as tar:
            tar.extractall(place, filter="data")
    except (OSError, tarfile.TarError, EOFError, zlib.error) as error:
        shutil.rmtree(place, ignore_errors=True)
        raise _failed(file, error) from error
    if not is_store(place / _NAME):
        shutil.rmtree(place)
        raise StoreError(f"{file} is no backup of a state folder", "Make one with `runner state backup FILE`.")
    return place


def put_in_place(place: Path, folder: Path) -> Path | None:
    """Put what `unpack` gave into the folder; where the store that was there is kept, None when there was none.

    Logs and artifacts of the backup are added to what is there: a file that is there stays. Raises StoreLocked,
    StoreError.
    """
    store = folder / _NAME
    lock = StoreLock(store.with_name(f"{_NAME}.lock"))
    lock.acquire()
    try:
        keep = None
        if is_store(store):
            keep = folder / f"{_NAME}.before-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S%f')}"
        for name in _BESIDE:
            _merge(place / name, folder / name)
        ready = folder / f"{_NAME}.restored"
        for path, target in (
            (place / _NAME, ready),
            (place / f"{_NAME}.mark", ready.with_name(f"{ready.name}.mark")),
        ):
            if path.exists():
                _clear(target)
                path.rename(target)
        swap(store, ready, keep=keep)
    except OSError as error:
        raise from_os(folder, error) from error
    finally:
        lock.release()
    return keep


def _merge(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")) if source.is_dir() else []:
        there = target / path.relative_to(source)
        if path.is_dir():
            there.mkdir(parents=True, exist_ok=True)
        elif not there.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, there)


def _clear(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _failed(file: Path, error: Exception) -> StoreError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or "it ends in the middle"
    return StoreError(f"{file}: {reason}", "Check the file, its rights and the free space.")
