"""A box's network rules: the vendor's language, and what they let through."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from runner.embedded.e2b.network.addresses import internal
from runner.embedded.e2b.network.network import Network, read_network, read_rule

OUTSIDE = ip_address("93.184.216.34")


@pytest.mark.parametrize(
    ("text", "name", "address", "port", "takes"),
    [
        ("8.8.8.8", "", "8.8.8.8", 53, True),
        ("8.8.8.8", "dns.google", "8.8.4.4", 53, False),
        ("8.8.8.0/24", "", "8.8.8.9", 1, True),
        ("8.8.8.8:53", "", "8.8.8.8", 443, False),
        ("[2001:db8::1]:443", "", "2001:db8::1", 443, True),
        ("2001:db8::/32", "", "2001:db8::5", 1, True),
        ("0.0.0.0/0", "", "2001:db8::1", 1, True),
        ("example.com", "example.com", "1.2.3.4", 443, True),
        ("Example.COM.", "example.com", "1.2.3.4", 443, True),
        ("example.com", "www.example.com", "1.2.3.4", 443, False),
        ("example.com:443", "example.com", "1.2.3.4", 80, False),
        ("*.example.com", "a.b.example.com", "1.2.3.4", 80, True),
        ("*.example.com", "example.com", "1.2.3.4", 80, False),
        ("*.example.com", "badexample.com", "1.2.3.4", 80, False),
    ],
)
def test_an_entry_takes_what_it_names(text: str, name: str, address: str, port: int, takes: bool) -> None:
    assert read_rule(text).takes(name, ip_address(address), port) is takes


@pytest.mark.parametrize(
    "text", ["", "*", "a b", "a..b", "-a.com", "1.2.3", "999.1.1.1", "a.com:0", "a.com:x", "[::1]:"]
)
def test_an_entry_that_is_nothing(text: str) -> None:
    with pytest.raises(ValueError, match=r"neither an address|has no port"):
        read_rule(text)


def _why(config: dict[str, object], name: str, internet: object = None, address: object = OUTSIDE) -> str:
    return read_network(config, internet).why_not(name, address, 443)


def test_without_rules_all_is_allowed() -> None:
    assert _why({}, "any.org") == ""
    assert _why({}, "any.org", internet=True) == ""


def test_what_is_allowed_beats_what_is_denied() -> None:
    closed = {"allowOut": ["good.org", "93.184.216.0/24"], "denyOut": ["0.0.0.0/0"]}
    assert _why(closed, "good.org", address=ip_address("1.1.1.1")) == ""
    assert _why(closed, "") == ""
    assert "deny_out has 0.0.0.0/0" in _why(closed, "evil.org", address=ip_address("1.1.1.1"))


def test_some_can_be_denied() -> None:
    config: dict[str, object] = {"denyOut": ["93.184.216.34"]}
    assert "deny_out has 93.184.216.34" in _why(config, "any.org")
    assert _why(config, "any.org", address=ip_address("1.1.1.1")) == ""


def test_no_internet_is_all_denied_but_for_what_is_allowed() -> None:
    assert "allow_internet_access=False" in _why({}, "any.org", internet=False)
    assert _why({"allowOut": ["any.org"]}, "any.org", internet=False) == ""


def test_names_are_only_looked_up_where_they_may_be_reached() -> None:
    assert Network().may_resolve("any.org", 443)
    closed = read_network({"allowOut": ["*.good.org", "1.1.1.1"], "denyOut": ["0.0.0.0/0"]})
    assert closed.may_resolve("a.good.org", 443)
    assert not closed.may_resolve("secret-as-a-name.evil.org", 443)
    assert not read_network({}, False).may_resolve("any.org", 443)


@pytest.mark.parametrize(
    ("config", "internet", "why"),
    [
        ({"allowOut": ["good.org"]}, None, "must include 'ALL_TRAFFIC' in deny out"),
        ({"denyOut": ["evil.org"]}, None, "invalid denied CIDR evil.org"),
        ({"denyOut": ["::::"]}, None, "invalid deny out entry"),
        ({"allowOut": "1.1.1.1"}, None, "must be a list"),
        ({"rules": {"a b": []}}, None, "is no host"),
        ({"rules": {"a.com": {}}}, None, "must be a list of objects"),
        ({"rules": {"a.com": [{"transform": {"headers": {"Host": "b"}}}]}}, None, "cannot set the header 'Host'"),
        ({"rules": {"a.com": [{"transform": {"headers": {"A": "b\r\nC: d"}}}]}}, None, "printable ASCII"),
        ({"rules": {"a.com": [{"transform": {"headers": {"A": "${e2b.identity.tokens.x}"}}}]}}, None, "identity"),
        ({"egressProxy": {"address": "a"}}, None, "address must be HOST:PORT"),
        ({"egressProxy": {"address": "u:p@a:1"}}, None, "address must be HOST:PORT"),
        ({"egressProxy": {"address": "a:1", "password": "p"}}, None, "a password needs a username"),
        ({"egressProxy": {"address": "a:1", "username": "u" * 256}}, None, "at most 255 bytes"),
        ({"egressProxy": {"address": "a:1", "tls": True}}, None, "tls must be"),
        ({"egressProxy": {"address": "a:1", "tls": {"enabled": True, "caCert": "x"}}}, None, "no certificate in PEM"),
        ({"maskRequestHost": "a b"}, None, "mask request host is not valid"),
        ({"allowPublicTraffic": "no"}, None, "allowPublicTraffic must be"),
        ({"httpsPorts": [0]}, None, "httpsPorts must be"),
        ({}, "yes", "allow_internet_access must be"),
    ],
)
def test_what_cannot_be_is_said(config: dict[str, object], internet: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_network(config, internet)


@pytest.mark.parametrize(
    ("host", "value"),
    [
        ("A.com", "exact"),
        ("x.a.com.", "near"),
        ("y.x.a.com", "nearer"),
        ("b.com", "far"),
        ("com", None),
        ("a.org", None),
    ],
)
def test_the_nearest_rule_of_a_host_counts(host: str, value: str | None) -> None:
    names = {"a.com": "exact", "*.a.com": "near", "*.x.a.com": "nearer", "*.com": "far"}
    rules = {name: [{"transform": {"headers": {"A": each}}}] for name, each in names.items()}
    headers = read_network({"rules": rules}).transforms.headers(host)
    assert (headers or {}).get("A") == value


def test_servers_in_a_box_see_the_mask() -> None:
    network = read_network({"maskRequestHost": "${PORT}-mine.example.com", "httpsPorts": [8443]})
    assert network.host(3000) == "3000-mine.example.com"
    assert network.https_ports == {8443}
    assert Network().host(3000) == ""


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a00:1::1",
    ],
)  # fmt: skip
def test_addresses_of_this_machine_and_its_neighbours_are_internal(address: str) -> None:
    assert internal(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_of_the_internet_are_not(address: str) -> None:
    assert not internal(ip_address(address))
