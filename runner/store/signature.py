"""Ed25519 signatures of exported journals, with keys in files. A key is never in an argument or in an output."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import JournalBroken, ServiceError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_MAKE = "Make one: runner audit key FILE"
_KIND = "ed25519:"


@contextmanager
def _library() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise ServiceError("the cryptography package is missing", "pip install 'runner[audit]'") from error


def make_key(path: Path) -> Path:
    """Write a new private key into `path`, which nobody else may read, and its public key into `<path>.pub`, whose path
    is returned. Raises UsageError when one of the files exists.
    """
    with _library():
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    beside = path.with_name(f"{path.name}.pub")
    for where, content, mode in ((path, private, 0o600), (beside, public, 0o644)):
        try:
            fd = os.open(where, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        except FileExistsError:
            raise UsageError(f"{where} exists already", "Name another file, or remove it yourself.") from None
        with os.fdopen(fd, "wb") as file:
            file.write(content)
    return beside


class Signer:
    """Signs with the private key in a PEM file. Raises UsageError when there is none in it."""

    def __init__(self, path: Path) -> None:
        self._key = _private(path)

    def __call__(self, body: bytes) -> tuple[str, str]:
        """The name of the key, which is its public half, and the signature."""
        return _name(self._key.public_key()), base64.b64encode(self._key.sign(body)).decode()


class Checker:
    """Checks signatures. With the file of a public key, nothing but that key's signature will do; without it, a
    signature has to fit the key that the file itself names, which proves no more than that both have one source.
    """

    def __init__(self, path: Path | None) -> None:
        self._wanted = None if path is None else _name(_public(path))

    def __call__(self, key: str, signature: str, body: bytes) -> str:
        """A sentence about who signed, empty for nobody. Raises JournalBroken."""
        if not key and not signature and self._wanted is None:
            return ""
        if not key or not signature:
            raise JournalBroken("the file is not signed", "Export it once more with --signed.")
        if self._wanted is not None and key != self._wanted:
            raise JournalBroken(
                f"the file is signed by another key, {key}", "Ask who exported it for their public key."
            )
        if not _fits(key, signature, body):
            raise JournalBroken(
                "the signature is not that of the seal", "Somebody changed the file; export it once more."
            )
        return f"signed by {key}" + ("" if self._wanted else " (whose that is, only --key FILE.pub can tell)")


def _fits(key: str, signature: str, body: bytes) -> bool:
    with _library():
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        raw = bytes.fromhex(key.removeprefix(_KIND))
        Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(signature, validate=True), body)
    except (ValueError, InvalidSignature):
        return False
    return True


def _name(key: Ed25519PublicKey) -> str:
    return _KIND + key.public_bytes_raw().hex()


def _private(path: Path) -> Ed25519PrivateKey:
    with _library():
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path} holds no private Ed25519 key in PEM that could be read", _MAKE)
    return key


def _public(path: Path) -> Ed25519PublicKey:
    with _library():
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path} holds no public Ed25519 key in PEM that could be read", _MAKE)
    return key
