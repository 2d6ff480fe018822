"""Names of hosts: `<token>.localhost` is a container's engine, `<port>--<token>.localhost` a port in it.

Browsers resolve `*.localhost` to this machine's loopback and treat it as secure (RFC 6761, Secure Contexts); each name
is an origin of its own, so that containers share no storage, no cookies and no service worker.
"""

from __future__ import annotations

import re
import secrets

from runner.records import dataclass

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_LENGTH = 26  # 26 of 36 letters are 134 bits
_NAME = re.compile(rf"(?:(\d{{1,5}})--)?([a-z0-9]{{{_LENGTH}}})\.localhost(?::(\d{{1,5}}))?", re.ASCII)


def new_token() -> str:
    """An unguessable name of 134 bits that can be a label of a host name."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


@dataclass(frozen=True, slots=True)
class Name:
    """What a `Host` header names: the container of `token`, or with a `port` that port in it."""

    token: str
    port: int | None


def read(host: str, serving: int) -> Name | None:
    """What `host`, the value of a `Host` header, names at our port `serving`; None for any other host or port."""
    found = _NAME.fullmatch(host)
    if found is None or int(found[3] or 80) != serving:
        return None
    port = None if found[1] is None else int(found[1])
    return None if port is not None and not 0 < port < 65536 else Name(found[2], port)
