"""Which hosts an installation may fetch from: the registries of this machine, and what the container may reach."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from runner.embedded.webcontainer.npm.refused import Refused
from runner.embedded.webcontainer.settings import Network
from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Reach:
    """`network` of the container; `registries` are the hosts of the registry that this machine's npm uses and of npm's
    own default: who may reach the one by its well-known name may use the other in its place.
    """

    network: Network
    registries: frozenset[str]

    def check_registry(self) -> None:
        """Raises Refused when the container may not fetch packages at all."""
        if self.network == "none":
            raise Refused("this sandbox has no network, and packages come over it: let `network` name the npm registry")
        if self.network != "*" and not any(_matches(host, self.network) for host in self.registries):
            known = " or ".join(sorted(self.registries))
            raise Refused(f"this sandbox may not reach the npm registry: let its `network` name {known}")

    def check_url(self, url: str) -> None:
        """Raises Refused for an address that nothing may be fetched from."""
        try:
            parts = urlsplit(url)
            host, at = parts.hostname or "", parts.netloc.rpartition("@")[2]
        except ValueError as error:
            raise Refused(f"{url} is no address") from error
        if parts.scheme not in ("http", "https") or not host:
            raise Refused(f"{url} is not an address of the web")
        if host in self.registries or at in self.registries:
            return
        if _is_here(host) or not (self.network == "*" or _matches(host, self.network)):
            raise Refused(f"this sandbox may not fetch packages from {host}")


def host_of(url: str) -> str:
    """The host of a registry's address, with its port where it has one."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _matches(host: str, names: Network) -> bool:
    bare = host.partition(":")[0]
    for name in names if isinstance(names, tuple) else ():
        wanted = name.partition(":")[0]
        if bare == wanted or (wanted.startswith("*.") and bare.endswith(wanted[1:])):
            return True
    return False


def _is_here(host: str) -> bool:
    """Whether that is this machine or an address instead of a name: packages do not come from there."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host
    return True
