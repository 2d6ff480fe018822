"""Where the state is, as the environment says: RUNNER_STATE_URL and its companions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from runner.errors import UsageError
from runner.store.server import Address

_URL = "RUNNER_STATE_URL"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def state_address(environ: Mapping[str, str]) -> Address | None:
    """The server that RUNNER_STATE_URL names, with its user, password, namespace and database; None without it.

    Raises UsageError for settings that say nothing. No message tells what the password is.
    """
    url = environ.get(_URL)
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.username or parts.password:
        raise UsageError(
            f"{_URL} is no address of a state server",
            f"Write {_URL}=ws://HOST:PORT/rpc; user and password go into RUNNER_STATE_USER and RUNNER_STATE_PASSWORD.",
        )
    if parts.path.rstrip("/") not in ("", "/rpc") or parts.query or parts.fragment:
        raise UsageError(f"{_URL} leads to {parts.path!r}, where no server answers", "The path is /rpc.")
    user, password = (environ.get(f"RUNNER_STATE_{name}", "") for name in ("USER", "PASSWORD"))
    if bool(user) != bool(password):
        raise UsageError("of RUNNER_STATE_USER and RUNNER_STATE_PASSWORD only one is set", "Set both, or none.")
    namespace, database = (_name(environ, f"RUNNER_STATE_{name}") for name in ("NAMESPACE", "DATABASE"))
    return Address(f"{parts.scheme}://{parts.netloc}/rpc", user, password, namespace, database)


def _name(environ: Mapping[str, str], variable: str) -> str:
    name = environ.get(variable) or "runner"
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{variable} is {name!r}, which is no name", "A name has letters, digits and _, and begins with no digit."
        )
    return name
