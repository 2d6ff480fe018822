"""Secrets of an endpoint: values go in, are encrypted at rest, and come out only where the egress proxy puts them into
a request (`Secret.fill` of the SDK makes the placeholder; `Vault.fill` is what resolves it).
"""

from __future__ import annotations

import json
import re
import secrets
import string
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner.embedded.e2b.folders import durable
from runner.records import dataclass

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

#: The version of the file.
VERSION = 1
#: Bounds of the hosted service (docstrings of `e2b/api/client/models/secret.py`), in entries and bytes.
_MOST_ENTRIES, _LONGEST_KEY, _LONGEST_TEXT, _LONGEST_METADATA = 32, 128, 1024, 8192
#: A value ends up in a header of a request.
LONGEST_VALUE = 8192
_LONGEST_NAME = 256
_PREFIX = "sec_"
_FORBIDDEN = re.compile(r"[{}\x00-\x1f\x7f-\x9f]")
_PLACEHOLDER = re.compile(r"\$\{e2b\.secrets\.([^{}]+)\}")


class SecretRefused(Exception):
    """A secret that cannot be stored; the message says why."""


class NameTaken(Exception):
    """Another secret has that name."""


class UnknownSecret(Exception):
    """A placeholder names a secret that is not there."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no secret named {name!r}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Secret:
    """What may be told of a secret: everything but its value. Times are Unix seconds."""

    id: str
    name: str
    version: int
    metadata: Mapping[str, str]
    created_at: float
    updated_at: float


class Vault:
    """All secrets of an endpoint, in the file `secrets.json` of a folder, beside `secrets.key` that opens them."""

    def __init__(self, folder: Path, *, sync: bool = False) -> None:
        """`folder` is the endpoint's own; nobody else may look into the two files. `sync`: what is written down
        survives a loss of power. Raises ServiceError.
        """
        self._sync = sync
        self._file = folder / "secrets.json"
        self._key_file = folder / "secrets.key"
        self._secrets: dict[str, Secret] = {}
        self._sealed: dict[str, str] = {}
        self._fernet: Fernet | None = None
        with durable.reading(self._file):
            for each in durable.load(self._file, VERSION).get("secrets", []):
                self._sealed[each["id"]] = each.pop("sealed")
                self._secrets[each["id"]] = Secret(**each)
            if self._secrets and not self._key_file.exists():
                raise ValueError(f"{self._key_file.name}, which opens it, is not there")

    def all(self) -> list[Secret]:
        """All secrets, the oldest first."""
        return sorted(self._secrets.values(), key=lambda each: (each.created_at, each.id))

    def find(self, name: str) -> Secret | None:
        """The secret of this id or name."""
        found = self._secrets.get(name)
        wanted = name.lower()
        return found or next((each for each in self._secrets.values() if each.name == wanted), None)

    def create(self, name: str, value: str, metadata: Mapping[str, str]) -> Secret:
        """Store a new secret. Raises SecretRefused, NameTaken."""
        name = _checked_name(name)
        if self.find(name) is not None:
            raise NameTaken(f"there is a secret named {name!r} already")
        letters = string.ascii_lowercase + string.digits
        now = time.time()
        made = Secret(_PREFIX + "".join(secrets.choice(letters) for _ in range(20)), name, 1, metadata, now, now)
        return self._put(made, value)

    def update(self, secret: Secret, value: str, metadata: Mapping[str, str] | None) -> Secret:
        """Give a secret a new value, and new metadata if there are any. Raises SecretRefused."""
        kept = secret.metadata if metadata is None else metadata
        return self._put(replace(secret, version=secret.version + 1, metadata=kept, updated_at=time.time()), value)

    def destroy(self, secret: Secret) -> None:
        """Forget a secret and its value."""
        self._secrets.pop(secret.id)
        self._sealed.pop(secret.id)
        self._save()

    def fill(self, text: str) -> str:
        """A text with every placeholder `${e2b.secrets.NAME}` replaced by the value of now. Raises UnknownSecret."""

        def value(match: re.Match[str]) -> str:
            secret = self.find(match[1])
            if secret is None:
                raise UnknownSecret(match[1])
            return self._opener().decrypt(self._sealed[secret.id].encode()).decode()

        return _PLACEHOLDER.sub(value, text)

    def _put(self, secret: Secret, value: str) -> Secret:
        _check_value(value)
        _check_metadata(secret.metadata)
        self._sealed[secret.id] = self._opener().encrypt(value.encode()).decode()
        self._secrets[secret.id] = secret
        self._save()
        return secret

    def _opener(self) -> Fernet:
        if self._fernet is None:
            # Most endpoints never see a secret: the library is loaded, and a key made, only for the first one.
            from cryptography.fernet import Fernet

            if not self._key_file.exists():
                durable.replace(self._key_file, Fernet.generate_key(), sync=self._sync)
            self._fernet = Fernet(self._key_file.read_bytes())
        return self._fernet

    def _save(self) -> None:
        rows = [{**asdict(each), "sealed": self._sealed[each.id]} for each in self.all()]
        index = {"version": VERSION, "secrets": rows}
        durable.replace(self._file, json.dumps(index).encode(), sync=self._sync)


def _checked_name(name: str) -> str:
    name = name.lower()
    if not name or len(name) > _LONGEST_NAME or _FORBIDDEN.search(name):
        raise SecretRefused(f"a secret's name has 1 to {_LONGEST_NAME} characters, none of them {{, }} or control")
    if name.startswith(_PREFIX):
        raise SecretRefused(f"a secret's name cannot begin with {_PREFIX!r}: ids do")
    return name


def _check_value(value: str) -> None:
    if not 0 < len(value.encode(errors="replace")) <= LONGEST_VALUE:
        raise SecretRefused(f"a secret's value has 1 to {LONGEST_VALUE} bytes")


def _check_metadata(metadata: Mapping[str, str]) -> None:
    sizes = [(len(key.encode()), len(text.encode())) for key, text in metadata.items()]
    if len(sizes) > _MOST_ENTRIES:
        raise SecretRefused(f"metadata have at most {_MOST_ENTRIES} entries, not {len(sizes)}")
    if any(key > _LONGEST_KEY or text > _LONGEST_TEXT for key, text in sizes):
        raise SecretRefused(f"metadata keys have at most {_LONGEST_KEY} bytes, values {_LONGEST_TEXT}")
    if sum(key + text for key, text in sizes) > _LONGEST_METADATA:
        raise SecretRefused(f"metadata have at most {_LONGEST_METADATA} bytes in all")
