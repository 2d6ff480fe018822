"""What changes in a message's head on its way through the relay: names of hosts, and what belongs to one hop."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from runner.records import dataclass

Fields = list[tuple[bytes, bytes]]

#: Fields that belong to one hop (RFC 9110, 7.6.1). `expect` was answered by the relay's own server.
_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te",
     b"trailer", b"transfer-encoding", b"upgrade", b"expect")
)  # fmt: skip
#: Those that no `Connection` field can take away: without them a message ends elsewhere, or is another one.
_NEEDED = frozenset((b"content-length", b"host"))
#: Under these names a server in a box may know itself.
_SELF = frozenset(("localhost", "127.0.0.1", "0.0.0.0", "::1", "::"))  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class Route:
    """One preview: `host` is how the browser calls it, `upstream` how the server in the box is called there (the same
    where its provider routes by path), `client` the browser's address.
    """

    host: str
    upstream: str
    upstream_scheme: str
    client: str

    @property
    def origin(self) -> str:
        """The preview's origin, as the browser has it."""
        return f"http://{self.host}"

    @property
    def upstream_origin(self) -> str:
        """The same as the box has it."""
        return f"{self.upstream_scheme}://{self.upstream}"

    def beside(self, port: int) -> str:
        """The origin of another port of the same run."""
        return f"http://{port}--{self.host.partition('--')[2]}"


def to_box(fields: Fields, route: Route) -> Fields:
    """A request's fields as the box gets them."""
    kept = [(name, value) for name, value in _one_hop_less(fields) if name != b"host"]
    found: Fields = [(b"host", route.upstream.encode("latin-1"))]
    for name, value in kept:
        if name in (b"origin", b"referer"):
            value = _renamed(value, route.origin, route.upstream_origin)
        if not name.startswith(b"x-forwarded-"):
            found.append((name, value))
    forwarded = {"for": route.client, "host": route.host, "proto": "http"}
    return found + [(f"x-forwarded-{name}".encode(), value.encode("latin-1")) for name, value in forwarded.items()]


def to_browser(fields: Fields, route: Route) -> Fields:
    """An answer's fields as the browser gets them."""
    found: Fields = []
    for name, value in _one_hop_less(fields):
        key = name.lower()
        if key in (b"location", b"content-location"):
            value = location(value.decode("latin-1"), route).encode("latin-1")
        elif key == b"set-cookie":
            value = cookie(value.decode("latin-1"), route).encode("latin-1")
        elif key == b"access-control-allow-origin":
            value = _renamed(value, route.upstream_origin, route.origin)
        elif key in (b"strict-transport-security", b"alt-svc"):
            continue  # they speak of the box's own address
        found.append((name, value))
    return found


def location(value: str, route: Route) -> str:
    """Where an answer leads to: addresses of the box itself become those of the preview, all others stay."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return value
    if not parts.netloc or parts.scheme not in ("", "http", "https"):
        return value
    rest = value.partition("//")[2].removeprefix(parts.netloc)
    if parts.netloc.lower() in (route.upstream.lower(), route.host.lower()):
        return route.origin + rest
    if parts.hostname in _SELF:
        return (route.beside(port) if port is not None else route.origin) + rest
    return value


def cookie(value: str, route: Route) -> str:
    """A cookie that the browser takes from the preview: no `Domain` of the box's own name, no `Secure` over plain HTTP.

    `SameSite=None` and the prefixes `__Secure-` and `__Host-` need `Secure`: browsers take it from *.localhost.
    """
    first, *attributes = value.split(";")
    needs = first.strip().startswith(("__Secure-", "__Host-")) or any(
        re.fullmatch(r"samesite\s*=\s*none", each.strip(), re.IGNORECASE) for each in attributes
    )
    kept = []
    for each in attributes:
        name, _, domain = each.strip().partition("=")
        if name.lower() == "domain" and _is_own(domain.strip().lstrip(".").lower(), route):
            continue
        if name.lower() == "secure" and not needs:
            continue
        kept.append(each)
    return ";".join([first, *kept])


def _is_own(domain: str, route: Route) -> bool:
    names = [urlsplit(f"//{host}").hostname or "" for host in (route.upstream, route.host)]
    return domain in _SELF or any(name == domain or name.endswith(f".{domain}") for name in names)


def _one_hop_less(fields: Fields) -> Fields:
    named = {
        token.strip().lower() for name, value in fields if name.lower() == b"connection" for token in value.split(b",")
    }
    dropped = _HOP | (named - _NEEDED)
    if any(name.lower() == b"transfer-encoding" for name, _ in fields):
        dropped |= {b"content-length"}  # it does not count then (RFC 9112, 6.3), and two must not disagree about it
    return [(name, value) for name, value in fields if name.lower() not in dropped]


def _renamed(value: bytes, old: str, new: str) -> bytes:
    """An address of one origin as one of another."""
    text = value.decode("latin-1")
    if text == old or text.startswith(f"{old}/"):
        return (new + text.removeprefix(old)).encode("latin-1")
    return value
