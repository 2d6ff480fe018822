"""API keys: many for one endpoint, of which only hashes are kept.

A key is `e2b_` and 160 random bits, so plain SHA-256 is enough at rest: there is no dictionary from which such a
number could be guessed, and a slow hash (scrypt) would cost every request. All keys stand for one team, as in the
hosted service: what one makes, the others see.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from runner.errors import ServiceError, UsageError
from runner.records import dataclass

#: What every key begins with: the vendor's service refuses others as malformed.
PREFIX = "e2b_"
#: The version of the file.
VERSION = 1
#: The file of keys in an endpoint's folder.
FILE = "keys.json"
_KEY = re.compile(PREFIX + r"[0-9a-f]{40,128}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is kept of a key: the name that people gave it, its SHA-256 in hex, the Unix time at which it was made."""

    name: str
    sha256: str
    created_at: float


class Keys:
    """The keys of one endpoint; with a file, those that are in it now."""

    def __init__(self, records: tuple[KeyRecord, ...] = (), file: Path | None = None, read_at: int = 0) -> None:
        """`read_at` is when `file` was changed that `records` come from, in ns."""
        self.records = records
        self._file = file
        self._read_at = read_at

    def make(self, name: str) -> str:
        """Add a key and return it: the only time that it can be seen. Raises UsageError."""
        if any(each.name == name for each in self.records):
            raise UsageError(f"there is a key {name!r} already", "choose another name, or remove that one first")
        key = PREFIX + secrets.token_hex(20)
        self._add(name, key)
        return key

    def take(self, name: str, key: str) -> None:
        """Let a key that was made elsewhere be the one of that name, in the place of another. Raises UsageError."""
        if not _KEY.fullmatch(key):
            raise UsageError(
                f"that is no key: `{PREFIX}` and 40 to 128 of the digits 0-9 and a-f are one",
                f"echo {PREFIX}$(openssl rand -hex 20) makes one",
            )
        if not any(each.name == name and each.sha256 == _hash(key) for each in self.records):
            self.records = tuple(each for each in self.records if each.name != name)
            self._add(name, key)

    def _add(self, name: str, key: str) -> None:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot name a key: up to 64 letters, digits, blanks, dots, dashes and underscores can"
            )
        self.records += (KeyRecord(name, _hash(key), time.time()),)

    def remove(self, name: str) -> None:
        """Take a key away. Raises UsageError."""
        left = tuple(each for each in self.records if each.name != name)
        if len(left) == len(self.records):
            known = ", ".join(each.name for each in self.records) or "none"
            raise UsageError(f"there is no key {name!r}", f"keys: {known}")
        self.records = left

    def holds(self, key: str) -> bool:
        """Whether this is one of the keys; takes as long for a near miss as for any other."""
        self._look_again()
        asked = _hash(key)
        found = False
        for each in self.records:
            found |= hmac.compare_digest(each.sha256, asked)
        return found

    def _look_again(self) -> None:
        # Keys are made and taken away beside a running endpoint; what cannot be read just now changes nothing.
        if self._file is None:
            return
        with suppress(OSError, ServiceError):
            changed = self._file.stat().st_mtime_ns
            if changed != self._read_at:
                self.records, self._read_at = load(self._file).records, changed

    def save(self, file: Path) -> None:
        """Write the hashes, readable by ourselves alone; a reader sees the old file or the new one. Raises OSError."""
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.{os.getpid()}.part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            json.dump({"version": VERSION, "keys": [asdict(each) for each in self.records]}, out, indent=1)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)


def load(file: Path) -> Keys:
    """The keys of a file, also those that come into it later; none where there is no file. Raises ServiceError."""
    try:
        changed = file.stat().st_mtime_ns
        raw: Any = json.loads(file.read_text())
        if raw["version"] != VERSION:
            raise ServiceError(
                f"{file} has version {raw['version']!r}; this runner reads version {VERSION}",
                "use the runner that wrote it, or another --folder",
            )
        return Keys(tuple(KeyRecord(**each) for each in raw["keys"]), file, changed)
    except FileNotFoundError:
        return Keys((), file)
    except OSError as error:
        raise ServiceError(f"the keys in {file} cannot be read: {error.strerror}", "give another --folder") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceError(
            f"the keys in {file} cannot be read: {error}", "remove that file: new keys are made"
        ) from error


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
