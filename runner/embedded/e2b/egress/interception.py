"""Opening TLS on the way out, for hosts that a box's rules name: only so can headers be put into HTTPS requests.

The endpoint speaks to the box as that host, by a certificate of an authority that lives as long as the endpoint and
whose key is in its memory only; boxes with rules are told to trust it. To the host it speaks TLS as any client does,
and trusts whom this machine trusts. Hosts without a rule are passed through unopened.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from runner.embedded.e2b.box.http1 import BUFFER, Exchange, Inlet, ProtocolError, close, serve
from runner.embedded.e2b.egress.outside import Refusal, Streams, Way
from runner.embedded.e2b.folders.vault import UnknownSecret
from runner.embedded.e2b.front import certificates, proxy

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

#: By which programs find whom to trust: OpenSSL and Python, requests, curl, Node, git, pip, AWS's.
_TRUST = (
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "PIP_CERT",
    "AWS_CA_BUNDLE",
)  # fmt: skip
#: The file of certificates, among our commands in a box.
TRUSTED = "trusted.pem"
_HANDSHAKE_SECONDS = 20.0
_MOST_HOSTS = 500
_DAYS = 30
Fill = Callable[[str], str]


class Interceptor:
    """Speaks for hosts."""

    def __init__(self, bundle: Path, place: str, fill: Fill) -> None:
        """`bundle` is a file for certificates, which boxes see at `place`; `fill` puts secrets into placeholders, and
        raises UnknownSecret.
        """
        self._bundle = bundle
        self._place = place
        self._fill = fill
        self._authority: tuple[EllipticCurvePrivateKey, x509.Certificate] | None = None
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._outer: ssl.SSLContext | None = None

    def environment(self) -> dict[str, str]:
        """What lets programs of a box that has rules trust us. Raises SandboxMissing without `cryptography`."""
        self._signer()
        return dict.fromkeys(_TRUST, self._place)

    def _signer(self) -> tuple[EllipticCurvePrivateKey, x509.Certificate]:
        if self._authority is None:
            self._authority = certificates.make_authority(constrained=False)
            self._bundle.write_bytes(certificates.bundled(self._authority[1]))
        return self._authority

    def _context(self, host: str) -> ssl.SSLContext:
        known = self._contexts.get(host)
        if known is None:
            while len(self._contexts) >= _MOST_HOSTS:
                self._contexts.pop(next(iter(self._contexts)))
            known = self._contexts[host] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            known.set_alpn_protocols(["http/1.1"])
            with tempfile.NamedTemporaryFile() as file:  # readable by us alone, and gone at once
                file.write(certificates.leaf(*self._signer(), host, _DAYS))
                file.flush()
                known.load_cert_chain(file.name)
        return known

    async def tunnel(
        self, exchange: Exchange, way: Way, destination: tuple[str, int], headers: Mapping[str, str]
    ) -> None:
        """Answer a CONNECT to a host, and then the requests in it. Raises Refusal while nothing has been answered."""
        host, port = destination
        context = await asyncio.to_thread(self._context, host)
        outer = await way.dial(host, port)  # so that a box hears of a refusal as it would without us
        await close(outer[1])
        exchange.started, exchange.persistent = True, False
        exchange.writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            reader, writer = await _secured(exchange.writer, context)
        except (OSError, ssl.SSLError):
            return  # it does not trust us, or speaks no TLS
        await serve(reader, writer, lambda inner: self._pass_on(inner, way, destination, headers))

    async def _pass_on(
        self, exchange: Exchange, way: Way, destination: tuple[str, int], headers: Mapping[str, str]
    ) -> None:
        host, port = destination
        try:
            values = {name: self._filled(name, value) for name, value in headers.items()}
            reader, writer = await self._dial(way, host, port)
        except UnknownSecret as error:
            await _refuse(exchange, 502, f"a rule for {host} cannot be followed: {error}")
            return
        except Refusal as error:
            await _refuse(exchange, error.status, error.message)
            return
        dropped = {name.lower() for name in values}
        kept = [(name, value) for name, value in exchange.head.fields if name.lower() not in dropped]
        exchange.head.fields = [*kept, *values.items()]
        try:
            onward = proxy.Onward(exchange.head.target, dropped=proxy.PROXY_FIELDS)
            await proxy.exchanged(exchange, reader, writer, onward)
        except (ProtocolError, ConnectionError):
            if exchange.started:
                exchange.abort()
            else:
                await _refuse(exchange, 502, f"{host}:{port} broke off the connection")
        finally:
            await close(writer)

    def _filled(self, name: str, value: str) -> str:
        """What a header is set to. Raises UnknownSecret, Refusal."""
        found = self._fill(value)
        if not (found.isascii() and found.isprintable()):  # a line break would begin another header
            message = f"the secret for the header {name} holds a line break, or more than ASCII: no header can"
            raise Refusal(502, message)
        return found

    async def _dial(self, way: Way, host: str, port: int) -> Streams:
        if self._outer is None:
            self._outer = ssl.create_default_context()
            self._outer.set_alpn_protocols(["http/1.1"])
        reader, writer = await way.dial(host, port)
        try:
            await writer.start_tls(self._outer, server_hostname=host, ssl_handshake_timeout=_HANDSHAKE_SECONDS)
        except (OSError, ssl.SSLError) as error:
            await close(writer)
            raise Refusal(502, f"{host}:{port} speaks no TLS that this machine trusts: {error}") from error
        return reader, writer


async def _secured(writer: asyncio.StreamWriter, context: ssl.SSLContext) -> tuple[Inlet, asyncio.StreamWriter]:
    """Go on with a connection in TLS, as the server. Nothing may be awaited since the client was told to begin."""
    loop = asyncio.get_running_loop()
    reader = Inlet()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport = await loop.start_tls(
        writer.transport, protocol, context, server_side=True, ssl_handshake_timeout=_HANDSHAKE_SECONDS
    )
    assert transport is not None  # noqa: S101 - only a closed one has none, and raises
    transport.set_write_buffer_limits(BUFFER)
    protocol.connection_made(transport)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _refuse(exchange: Exchange, status: int, message: str) -> None:
    await exchange.body.drain()
    await exchange.json(status, {"code": status, "message": message})
