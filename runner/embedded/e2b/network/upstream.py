"""A proxy of the client's own, through which a box's connections leave: the vendor's `egress_proxy` (SOCKS5).

A box's rules are heeded first; then the connection is made to the proxy, and through it to where the box wants. When
the proxy does not answer, or says no, the connection fails: there is no way round it. RFC 1928, RFC 1929.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import field
from urllib.parse import urlsplit

from runner.embedded.e2b.network.addresses import Address, address_of
from runner.records import dataclass

_MOST_BYTES = 255
_LONGEST_CERTIFICATES = 8192
_LONGEST_NAME = 253
_PLAIN, _PASSWORD = 0, 2
_SAID = {
    1: "it failed", 2: "its rules forbid it", 3: "the network cannot be reached", 4: "the host cannot be reached",
    5: "the connection was refused", 6: "it took too long", 7: "it knows no CONNECT", 8: "it knows no such addresses",
}  # fmt: skip


class UpstreamRefused(Exception):
    """The proxy does not let us through; the text says why and holds no secret."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A proxy: where it is, who we are to it, and how TLS is spoken to it (`context` None: not at all)."""

    host: str
    port: int
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    server_name: str = ""
    context: ssl.SSLContext | None = field(default=None, repr=False, compare=False)


def read_upstream(value: object) -> Upstream | None:
    """The `egressProxy` in a network of the vendor's; None where there is none. Raises ValueError."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError("egressProxy must be an object")  # noqa: TRY004 - it is the client's mistake, not ours
    host, port = _place(value.get("address"))
    username, password = (_word(value, name) for name in ("username", "password"))
    if password and not username:
        raise ValueError("egressProxy: a password needs a username")
    tls = value.get("tls") or {}
    if not isinstance(tls, dict) or not isinstance(tls.get("enabled", False), bool):
        raise ValueError('egressProxy: tls must be {"enabled": true} or {"enabled": false}')  # noqa: TRY004
    if not tls.get("enabled"):
        return Upstream(host, port, username, password)
    name = tls.get("serverName") or host
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        raise ValueError(f"egressProxy: serverName must be a name of at most {_LONGEST_NAME} characters")
    return Upstream(host, port, username, password, name, _context(tls.get("caCert")))


def _place(address: object) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{address}" if isinstance(address, str) else "")
        host, port = parts.hostname or "", parts.port or 0
    except ValueError:
        host, port = "", 0
    if not host or not port or parts.path or parts.username is not None:
        raise ValueError("egressProxy: address must be HOST:PORT")
    return host, port


def _word(value: Mapping[str, object], name: str) -> str:
    word = value.get(name) or ""
    if not isinstance(word, str) or len(word.encode()) > _MOST_BYTES:
        raise ValueError(f"egressProxy: {name} must be a text of at most {_MOST_BYTES} bytes")
    return word


def _context(certificates: object) -> ssl.SSLContext:
    if certificates is not None and (not isinstance(certificates, str) or len(certificates) > _LONGEST_CERTIFICATES):
        raise ValueError(f"egressProxy: caCert must be PEM of at most {_LONGEST_CERTIFICATES} bytes")
    try:
        context = ssl.create_default_context(cadata=certificates or None)
    except ssl.SSLError as error:
        raise ValueError("egressProxy: caCert holds no certificate in PEM") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def shown(value: Mapping[str, object]) -> dict[str, object]:
    """A client's `egressProxy` as it may be told: without password and certificates."""
    told = {name: each for name, each in value.items() if name != "password"}
    if isinstance(tls := told.get("tls"), dict):
        told["tls"] = {name: each for name, each in tls.items() if name != "caCert"}
    return told


async def pass_through(
    upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int
) -> None:
    """Ask a proxy, to which this is a connection, for one to a destination.

    Raises UpstreamRefused, OSError, EOFError.
    """
    methods = [_PLAIN, _PASSWORD] if upstream.username else [_PLAIN]
    writer.write(bytes([5, len(methods), *methods]))
    version, method = await reader.readexactly(2)
    if version != 5:
        raise UpstreamRefused("it does not speak SOCKS5")
    if method == _PASSWORD and upstream.username:
        user, password = upstream.username.encode(), upstream.password.encode()
        writer.write(bytes([1, len(user)]) + user + bytes([len(password)]) + password)
        if (await reader.readexactly(2))[1] != 0:
            raise UpstreamRefused("it does not take the username and password")
    elif method != _PLAIN:
        raise UpstreamRefused("it wants another way to say who we are")
    writer.write(b"\x05\x01\x00" + _packed(host) + port.to_bytes(2, "big"))
    _, reply, _, kind = await reader.readexactly(4)
    if reply != 0:
        raise UpstreamRefused(_SAID.get(reply, f"its answer is {reply}"))
    length = (await reader.readexactly(1))[0] if kind == 3 else {1: 4, 4: 16}.get(kind, 0)
    await reader.readexactly(length + 2)


def _packed(host: str) -> bytes:
    address: Address | None = address_of(host)
    if address is not None:
        return bytes([1 if address.version == 4 else 4]) + address.packed
    name = host.encode("idna")
    return bytes([3, len(name)]) + name
