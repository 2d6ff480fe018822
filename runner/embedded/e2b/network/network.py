"""What a box may reach and who may reach it: the vendor's `network` of a sandbox.

The rules are the vendor's (docstrings of `SandboxNetworkConfig` and `SandboxNetworkOpts`; `validateEgressRules` of its
infrastructure repository): an allowed destination is allowed whatever denies it; what neither list names is allowed;
only addresses can be denied; names can be allowed only where all other traffic is denied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network

from runner.embedded.e2b.network.addresses import Address
from runner.embedded.e2b.network.transforms import Transforms, read_transforms
from runner.embedded.e2b.network.upstream import Upstream, read_upstream
from runner.records import dataclass

#: Stands for all addresses, those of IPv6 too.
ALL_TRAFFIC = "0.0.0.0/0"
NAMES_NEED_ALL = (
    "When specifying allowed domains in allow out, you must include 'ALL_TRAFFIC' in deny out to block all other"
    " traffic."
)
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_NOWHERE = IPv4Address(0)
_LONGEST_NAME = 253
_MOST_RULES = 1000
_PORT_MAX = 65_535


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of a list: a block of addresses, or a name (`*.name` for all below it, at any depth); for one port or
    for all.
    """

    text: str
    block: IPv4Network | IPv6Network | None = None
    name: str = ""
    port: int | None = None

    @property
    def all_traffic(self) -> bool:
        """Whether nothing is left out."""
        return self.port is None and self.block is not None and self.block.prefixlen == 0

    def takes(self, name: str, address: Address, port: int) -> bool:
        """Whether a destination is meant: the name that was asked for (empty for none), and its address."""
        if self.port not in (None, port):
            return False
        if self.block is not None:
            same = self.block.version == address.version
            return self.block.prefixlen == 0 or (same and address in self.block)
        return name == self.name or (self.name.startswith("*.") and name.endswith(self.name[1:]))


def read_rule(text: str) -> Rule:
    """An entry: `8.8.8.8`, `10.0.0.0/8`, `example.com`, `*.example.com`, each with `:PORT` or without. Raises
    ValueError.
    """
    host, port = _split(text)
    try:
        return Rule(text, ip_network(host, strict=False), port=port)
    except ValueError:
        name = plain(host)
        if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name) or name.rpartition(".")[2].isdecimal():
            raise ValueError(f"{text!r} is neither an address, a block of addresses nor a domain name") from None
        return Rule(text, name=name, port=port)


def plain(name: str) -> str:
    """A host's name as it is compared."""
    return name.lower().removesuffix(".")


def _split(text: str) -> tuple[str, int | None]:
    bracketed = re.fullmatch(r"\[([^]]+)\](?::(.*))?", text)
    if bracketed:
        host, digits = bracketed[1], bracketed[2]
    elif text.count(":") == 1:
        host, digits = text.split(":")
    else:
        host, digits = text, None
    if digits is None:
        return host, None
    if not re.fullmatch(r"[0-9]{1,5}", digits) or not 0 < int(digits) <= _PORT_MAX:
        raise ValueError(f"{text!r} has no port from 1 to {_PORT_MAX} behind its colon")
    return host, int(digits)


@dataclass(frozen=True, slots=True)
class Network:
    """A box's network, as its client wants it.

    `internet` False denies all that is not allowed · `allow`, `deny`: where it may go · `public` False: its ports
    answer only who shows the box's traffic token · `mask`: the Host that servers in it see, with `${PORT}` for the
    port, empty for the one that was asked for · `https_ports` speak TLS themselves · `transforms`: headers that are set
    in its requests · `upstream`: the proxy through which its connections leave; None for none.
    """

    internet: bool = True
    allow: tuple[Rule, ...] = ()
    deny: tuple[Rule, ...] = ()
    public: bool = True
    mask: str = ""
    https_ports: frozenset[int] = frozenset()
    transforms: Transforms = field(default_factory=Transforms)
    upstream: Upstream | None = None

    def host(self, port: int) -> str:
        """The Host that a server on this port sees; empty for what the client has sent."""
        return self.mask.replace("${PORT}", str(port))

    def may_resolve(self, name: str, port: int) -> bool:
        """Whether a name may be looked up at all: where all else is denied, only one that is allowed, for a question
        to a resolver is a message to whoever owns the name.
        """
        if self.internet and not any(rule.all_traffic for rule in self.deny):
            return True
        return self.names(name, port)

    def names(self, name: str, port: int) -> bool:
        """Whether `allow` has a host by its name."""
        return any(rule.name and rule.takes(plain(name), _NOWHERE, port) for rule in self.allow)

    def why_not(self, name: str, address: Address, port: int) -> str:
        """Why a destination may not be reached, as the rest of a sentence; empty when it may."""
        name = plain(name)
        if any(rule.takes(name, address, port) for rule in self.allow):
            return ""
        if not self.internet:
            return "it was made with allow_internet_access=False" + (" but for allow_out" if self.allow else "")
        denied = next((rule for rule in self.deny if rule.takes(name, address, port)), None)
        return "" if denied is None else f"deny_out has {denied.text}, and allow_out does not name it"


def read_network(config: Mapping[str, object], internet: object = None) -> Network:
    """The vendor's `SandboxNetworkConfig` or its update, and `allow_internet_access`. Raises ValueError with what is
    wrong, in the vendor's words where it has any.
    """
    if internet is not None and not isinstance(internet, bool):
        raise ValueError(f"allow_internet_access must be true or false, not {internet!r}")
    allow, deny = (_rules(config, name) for name in ("allowOut", "denyOut"))
    for rule in deny:
        if rule.name:
            raise ValueError(f"invalid denied CIDR {rule.text}")
    if any(rule.name for rule in allow) and internet is not False and not any(rule.all_traffic for rule in deny):
        raise ValueError(NAMES_NEED_ALL)
    public = config.get("allowPublicTraffic")
    if public is not None and not isinstance(public, bool):
        raise ValueError(f"allowPublicTraffic must be true or false, not {public!r}")
    return Network(
        internet=internet is not False,
        allow=allow,
        deny=deny,
        public=public is not False,
        mask=_mask(config),
        https_ports=_ports(config),
        transforms=read_transforms(config.get("rules")),
        upstream=read_upstream(config.get("egressProxy")),
    )


def _rules(config: Mapping[str, object], name: str) -> tuple[Rule, ...]:
    entries = config.get(name)
    if entries is None:
        return ()
    if not isinstance(entries, list) or len(entries) > _MOST_RULES or not all(isinstance(e, str) for e in entries):
        raise ValueError(f"{name} must be a list of at most {_MOST_RULES} texts")
    said = {"allowOut": "allow out", "denyOut": "deny out"}[name]
    try:
        return tuple(read_rule(entry) for entry in entries)
    except ValueError as error:
        raise ValueError(f"invalid {said} entry: {error}") from error


def _mask(config: Mapping[str, object]) -> str:
    mask = config.get("maskRequestHost")
    if mask is None:
        return ""
    if not isinstance(mask, str) or not re.fullmatch(r"[A-Za-z0-9.:\[\]_${}-]{0,253}", mask):
        raise ValueError(f"mask request host is not valid: {mask!r}; it is a host in ASCII, with ${{PORT}} or without")
    return mask


def _ports(config: Mapping[str, object]) -> frozenset[int]:
    ports = config.get("httpsPorts")
    if ports is None:
        return frozenset()
    if not isinstance(ports, list) or not all(isinstance(p, int) and 0 < p <= _PORT_MAX for p in ports):
        raise ValueError(f"httpsPorts must be a list of ports, not {ports!r}")
    return frozenset(ports)
