"""Addresses, and which of them are not of the public internet."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address


def address_of(text: str) -> Address | None:
    """The address that a text is; None for a name."""
    try:
        return ip_address(text.strip("[]"))
    except ValueError:
        return None


#: Blocks of IPv6 that stand for addresses of IPv4: NAT64 (RFC 6052) and 6to4 (RFC 3056), with the bits behind it.
_WRAPPED = ((IPv6Network("64:ff9b::/96"), 0), (IPv6Network("2002::/16"), 80))


def internal(address: Address) -> bool:
    """Whether an address is this machine's, its neighbours' or nobody's: not one of the public internet."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped
        for block, shift in _WRAPPED:
            if address in block:
                inner = IPv4Address((int(address) >> shift) & 0xFFFFFFFF)
        if inner is not None:
            return internal(inner)
    return not address.is_global or address.is_multicast
