"""The endpoint's own certificate authority, so that it can be reached as the hosted service is: by names, over TLS.

Nobody but the programs that are told to (`SSL_CERT_FILE`) trusts it, and it cannot speak for anything else: its
certificate is constrained to names below `e2b.localhost` and to loopback (RFC 5280, 4.2.1.10). Its key never leaves
this process, unless `keep` is asked for: then it lies in the endpoint's folder, for its owner alone.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import SandboxMissing

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

#: Names below it lead to this machine: `localhost` does everywhere (RFC 6761).
DOMAIN = "e2b.localhost"
_AUTHORITY_DAYS = 365
_LEAF_DAYS = 7
#: A certificate is replaced when it has less than this to live.
_FRESH_SECONDS = 3 * 24 * 3600
#: Clocks differ.
_BEFORE = timedelta(hours=1)


class Authority:
    """An authority and the certificate for the endpoint's names that it has signed."""

    def __init__(self, folder: Path, *, keep: bool = False) -> None:
        """`folder` gets the certificates; with `keep` the authority's key, too, and finds it there the next time.
        Raises SandboxMissing without the package `cryptography`, OSError.
        """
        try:
            import cryptography  # noqa: F401
        except ImportError as error:
            raise SandboxMissing(
                "TLS needs the package cryptography, which is not installed", "pip install 'runner[e2b]'"
            ) from error
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        #: What programs are to trust: our certificate, and those that this machine trusts anyway.
        self.bundle = folder / "bundle.pem"
        self.certificate = folder / "authority.pem"
        self._leaf = folder / "leaf.pem"
        self._key, self._root = self._restored(folder) if keep else make_authority()
        self.certificate.write_bytes(_pem(self._root))
        self.bundle.write_bytes(bundled(self._root))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        # HTTP/2 is not spoken here; a client that offers both takes this one.
        self._context.set_alpn_protocols(["http/1.1"])
        self._until = 0.0

    def context(self) -> ssl.SSLContext:
        """For one more connection; the certificate in it is good for days to come."""
        if time.time() > self._until - _FRESH_SECONDS:
            self._until = time.time() + _LEAF_DAYS * 24 * 3600
            _write_private(self._leaf, leaf(self._key, self._root, DOMAIN, _LEAF_DAYS, _OWN_NAMES))
            self._context.load_cert_chain(self._leaf)
        return self._context

    def _restored(self, folder: Path) -> tuple[EllipticCurvePrivateKey, x509.Certificate]:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        file = folder / "authority.key"
        try:
            raw = file.read_bytes()
            key = load_pem_private_key(raw, None)
            root = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            if isinstance(key, EllipticCurvePrivateKey) and root.not_valid_after_utc > datetime.now(UTC) + 30 * _DAY:
                return key, root
        except (OSError, ValueError):
            pass  # the first start, or what cannot be used: a new one is made
        made, root = make_authority()
        _write_private(file, _private(made))
        return made, root


_DAY = timedelta(days=1)


#: Beside `DOMAIN` itself.
_OWN_NAMES = (f"*.{DOMAIN}", "localhost", "127.0.0.1")


def make_authority(*, constrained: bool = True) -> tuple[EllipticCurvePrivateKey, x509.Certificate]:
    """A key and the certificate of an authority; `constrained` to the endpoint's own names."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("runner: embedded E2B endpoint")
    loopback = x509.IPAddress(IPv4Network("127.0.0.0/8"))
    allowed = [x509.DNSName(DOMAIN), x509.DNSName("localhost"), loopback]
    builder = (
        _builder(name, name, key, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
    )
    if constrained:
        builder = builder.add_extension(x509.NameConstraints(allowed, None), critical=True)
    return key, _signed(builder, key)


def leaf(
    authority: EllipticCurvePrivateKey, root: x509.Certificate, name: str, days: int, more: Sequence[str] = ()
) -> bytes:
    """A key and a certificate for a server of this name, and of `more` names and addresses, in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    names = [_general_name(each) for each in (name, *more)]
    builder = (
        _builder(_name(name[:64]), root.subject, key, days)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
    )
    return _private(key) + _pem(_signed(builder, authority))


def _general_name(text: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def bundled(root: x509.Certificate) -> bytes:
    """An authority's certificate with those that this machine trusts anyway, in PEM."""
    return _pem(root) + _trusted()


def _builder(subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
    from cryptography import x509

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + days * _DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(text: str) -> x509.Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, text)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(builder: x509.CertificateBuilder, key: EllipticCurvePrivateKey) -> x509.Certificate:
    from cryptography.hazmat.primitives.hashes import SHA256

    return builder.sign(key, SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _private(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _trusted() -> bytes:
    """The authorities that this machine trusts: `SSL_CERT_FILE` takes their place in programs, and they still want to
    reach the rest of the world.
    """
    places = ssl.get_default_verify_paths()
    try:
        return Path(places.cafile or places.openssl_cafile).read_bytes()
    except OSError:
        return b""


def _write_private(file: Path, content: bytes) -> None:
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
    part.replace(file)
