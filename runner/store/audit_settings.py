"""Where the audit log is, as the environment says: RUNNER_AUDIT_URL and what belongs to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from urllib.parse import urlsplit

from runner.errors import UsageError
from runner.records import dataclass

COLLECTION = "RunnerEvent"
EMBEDDERS = ("none", "minilm")
_GRPC = 50051
_URL_HINT = "Write for example RUNNER_AUDIT_URL=http://127.0.0.1:8080."


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """One collection of one Weaviate. `key` goes into the headers of requests and nowhere else; with a `tenant` the
    collection keeps each tenant's events apart.
    """

    host: str
    port: int
    secure: bool
    grpc_host: str
    grpc_port: int
    key: str | None = field(default=None, repr=False)
    tenant: str | None = None
    collection: str = COLLECTION
    embedder: str = "none"
    #: The folder of the model, where there is an embedder.
    model: Path = Path()

    @property
    def name(self) -> str:
        """Where it is, for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"Weaviate at {'https' if self.secure else 'http'}://{host}:{self.port}"


def audit_settings(environ: Mapping[str, str]) -> AuditSettings | None:
    """The settings, None where RUNNER_AUDIT_URL is not set. Raises UsageError for what cannot be."""
    url = environ.get("RUNNER_AUDIT_URL")
    if not url:
        return None
    secure, host, port = _address(url)
    grpc_host, grpc_port = _grpc(environ.get("RUNNER_AUDIT_GRPC", ""), host, port if secure else _GRPC)
    return AuditSettings(
        host,
        port,
        secure,
        grpc_host,
        grpc_port,
        environ.get("RUNNER_AUDIT_API_KEY") or None,
        _matching(environ, "RUNNER_AUDIT_TENANT", r"[A-Za-z0-9_-]{1,64}", "letters, digits, `_` and `-`, at most 64"),
        _matching(environ, "RUNNER_AUDIT_COLLECTION", r"[A-Z][A-Za-z0-9_]{0,63}", "a capital, then letters and digits")
        or COLLECTION,
        _embedder(environ),
        model_folder(environ),
    )


def model_folder(environ: Mapping[str, str]) -> Path:
    """Where `runner audit setup-semantic` keeps the model for all projects of a person."""
    cache = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home()) / ".cache"
    return Path(cache) / "runner" / "minilm"


def _address(url: str) -> tuple[bool, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UsageError("RUNNER_AUDIT_URL is no address", _URL_HINT) from None
    if parts.username or parts.password:
        raise UsageError("RUNNER_AUDIT_URL holds a user or a password", "Give the key in RUNNER_AUDIT_API_KEY.")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise UsageError(f"RUNNER_AUDIT_URL is {url!r}, which is no address of a server", _URL_HINT)
    secure = parts.scheme == "https"
    return secure, parts.hostname, port or (443 if secure else 80)


def _grpc(text: str, host: str, port: int) -> tuple[str, int]:
    """`port` or `host:port`; what is left out is the default."""
    if not text:
        return host, port
    before, _, number = text.rpartition(":")
    if not number.isdecimal() or not 0 < int(number) < 65536:
        hint = "Write the port, or host:port, for example RUNNER_AUDIT_GRPC=50051."
        raise UsageError(f"RUNNER_AUDIT_GRPC is {text!r}, which names no port", hint)
    return before.strip("[]") or host, int(number)


def _matching(environ: Mapping[str, str], name: str, pattern: str, allowed: str) -> str | None:
    text = environ.get(name)
    if not text:
        return None
    if not re.fullmatch(pattern, text):
        raise UsageError(f"{name} is {text!r}", f"Allowed are {allowed}.")
    return text


def _embedder(environ: Mapping[str, str]) -> str:
    wanted = environ.get("RUNNER_AUDIT_EMBEDDER") or "none"
    if wanted not in EMBEDDERS:
        raise UsageError(f"RUNNER_AUDIT_EMBEDDER is {wanted!r}", f"Allowed are {', '.join(EMBEDDERS)}.")
    return wanted
