"""Which hosts an installation may fetch from: the registries of this machine, and what the container may reach."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from runner.embedded.webcontainer.npm.refused import Refused
from runner.embedded.webcontainer.settings import Network
from runner.records import dataclass

# What this and npm's own reading of an address (WHATWG URL) cannot take for two: theirs ends the host at a backslash,
# fills in percent signs, and takes letters of other scripts for those of ASCII.
_ADDRESS = re.compile(
    r"https?://(?:[\w.~%!*:-]+@)?(?P<at>(?P<host>[\w.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?)(?:[/?#][^\s\\]*)?",
    re.ASCII | re.IGNORECASE,
)
# A last part like this makes the whole a number to WHATWG URL, which may be any address: 127.1, 0x7f.1.
_NUMBER = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)", re.ASCII)


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
        found = _ADDRESS.fullmatch(url)
        if found is None:
            raise Refused(f"{url} is not an address of the web")
        host, at = found["host"].lower().strip("[]"), found["at"].lower()
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
    host = host.removesuffix(".")
    if _NUMBER.fullmatch(host):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
    return True
