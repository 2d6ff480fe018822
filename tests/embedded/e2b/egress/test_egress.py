"""The way out of a box, without a box: clients on loopback speak to it as programs in a box do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import pytest

from runner.embedded.e2b.egress.egress import LIMIT, Egress
from runner.embedded.e2b.front.certificates import Authority
from runner.embedded.e2b.network.addresses import Address
from runner.embedded.e2b.network.network import Network, read_network
from runner.embedded.e2b.network.outward import Traffic
from runner.embedded.e2b.network.upstream import shown

CLOSED = {"denyOut": ["0.0.0.0/0"]}


@dataclass
class Lab:
    """A bait server, a resolver that is told what to say, and the way out between."""

    network: Network
    private: bool = True
    answers: dict[str, list[str]] = field(default_factory=lambda: {"good.test": ["127.0.0.1"]})
    asked: list[str] = field(default_factory=list)
    traffic: Traffic = field(default_factory=Traffic)
    bait: int = 0

    async def resolve(self, name: str, port: int) -> list[Address]:
        self.asked.append(name)
        if name not in self.answers:
            raise OSError("no such host")
        return [ip_address(text) for text in self.answers[name]]

    def run(self, talk: Callable[[Lab], Awaitable[None]]) -> None:
        asyncio.run(self._run(talk))

    async def _run(self, talk: Callable[[Lab], Awaitable[None]]) -> None:
        server = await asyncio.start_server(_bait, "127.0.0.1")
        self.bait = server.sockets[0].getsockname()[1]
        self._egress = Egress(self.private, self.resolve)
        try:
            await asyncio.wait_for(talk(self), 20)
        finally:
            await self._egress.close()
            server.close()
            await asyncio.sleep(0.01)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            streams = await asyncio.open_connection(*listener.getsockname())
            plug, _ = listener.accept()
        self._egress.take(plug, lambda: self.network, self.traffic)
        return streams

    async def say(self, raw: bytes) -> bytes:
        """Send bytes, end, and give all that comes back."""
        reader, writer = await self.open()
        writer.write(raw)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer

    async def ask(self, raw: bytes) -> bytes:
        """Send bytes and give all that comes back until the other side ends."""
        reader, writer = await self.open()
        writer.write(raw)
        answer = await reader.read()
        writer.close()
        return answer


async def _bait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers HTTP with what it has heard, anything else with itself in capitals once it has ended."""
    try:
        first = await reader.readline()
        if b"HTTP/1." in first:
            head = first + await reader.readuntil(b"\r\n\r\n")
            body = await reader.read(5) if b"Length: 5\r\n" in head else b""
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(head + body) + head + body)
        else:
            writer.write((first + await reader.read()).upper())
        await writer.drain()
    except ConnectionError:
        return
    finally:
        writer.close()


def test_a_tunnel_passes_bytes_both_ways_and_ends_when_both_have() -> None:
    async def talk(lab: Lab) -> None:
        host = f"good.test:{lab.bait}"
        answer = await lab.say(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\nhello\nworld".encode())
        assert answer == b"HTTP/1.1 200 Connection established\r\n\r\nHELLO\nWORLD"
        assert lab.asked == ["good.test"]
        assert (lab.traffic.sent, lab.traffic.received, lab.traffic.refused) == (11, 11, 0)

    Lab(read_network({"allowOut": ["good.test"], **CLOSED})).run(talk)


def test_plain_requests_go_on_with_their_own_host_and_without_what_is_the_proxys() -> None:
    async def talk(lab: Lab) -> None:
        reader, writer = await lab.open()
        for path in ("/a?b=c", ""):
            writer.write(
                f"POST http://user:pw@good.test:{lab.bait}{path} HTTP/1.1\r\nHost: evil.test\r\nContent-Length: 5\r\n"
                "Proxy-Authorization: Basic eA==\r\nX-API-Key: mine\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n"
                "hello".encode()
            )
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            size = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
            heard = (await reader.readexactly(size)).decode()
            assert heard.startswith(f"POST {path or '/'} HTTP/1.1\r\n")
            assert f"Host: good.test:{lab.bait}\r\n" in heard
            assert "X-API-Key: mine" in heard
            assert heard.endswith("hello")
            for gone in ("evil.test", "Proxy-Auth", "X-Hop", "pw"):
                assert gone not in heard
        writer.close()

    Lab(Network()).run(talk)


def test_a_name_that_is_not_allowed_is_not_even_looked_up() -> None:
    async def talk(lab: Lab) -> None:
        answer = await lab.ask(b"CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 403 this box may not reach evil.test:443: allow_out does not name it")
        assert answer.endswith(b"all else is denied\n")
        assert lab.asked == []
        assert lab.traffic.refused == 1

    Lab(read_network({"allowOut": ["good.test"], **CLOSED})).run(talk)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
def test_an_allowed_name_that_leads_inside_is_refused(address: str) -> None:
    async def talk(lab: Lab) -> None:
        lab.answers["good.test"] = [address]
        answer = await lab.ask(b"CONNECT good.test:443 HTTP/1.1\r\n\r\n")
        assert b"403 this box may not reach good.test:443" in answer
        assert b"is an address of this machine or of a private network" in answer

    Lab(read_network({"allowOut": ["good.test"], **CLOSED}), private=False).run(talk)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "127.1", "0"])
def test_no_spelling_of_this_machine_is_let_through(host: str) -> None:
    async def talk(lab: Lab) -> None:
        lab.answers = {name: ["127.0.0.1"] for name in ("localhost", "2130706433", "0x7f.1", "127.1", "0")}
        answer = await lab.ask(f"GET http://{host}:{lab.bait}/ HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 403 ")

    Lab(Network(), private=False).run(talk)


def test_the_address_that_was_looked_at_is_dialled() -> None:
    """A resolver that answers differently the second time is asked once."""

    async def talk(lab: Lab) -> None:
        lab.answers["good.test"] = ["10.9.8.7", "127.0.0.1"]
        lab.network = read_network({"denyOut": ["10.0.0.0/8"]})
        answer = await lab.say(f"CONNECT good.test:{lab.bait} HTTP/1.1\r\n\r\nx\n".encode())
        assert answer.endswith(b"\r\n\r\nX\n")
        assert lab.asked == ["good.test"]

    Lab(Network()).run(talk)


def test_all_addresses_of_a_name_are_tried() -> None:
    async def talk(lab: Lab) -> None:
        lab.answers["good.test"] = ["127.0.0.77", "127.0.0.1"]
        answer = await lab.say(f"CONNECT good.test:{lab.bait} HTTP/1.1\r\n\r\nx\n".encode())
        assert answer.endswith(b"\r\n\r\nX\n"), "nobody listens on the first"

    Lab(Network()).run(talk)


def test_other_rules_hold_at_once() -> None:
    async def talk(lab: Lab) -> None:
        ask = f"GET http://good.test:{lab.bait}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        assert (await lab.ask(ask)).startswith(b"HTTP/1.1 200")
        lab.network = read_network({}, internet=False)
        assert (await lab.ask(ask)).startswith(b"HTTP/1.1 403")
        lab.network = read_network({"allowOut": [f"good.test:{lab.bait}"]}, internet=False)
        assert (await lab.ask(ask)).startswith(b"HTTP/1.1 200")

    Lab(Network()).run(talk)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET https://good.test/ HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"CONNECT good.test HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT good.test:99999 HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT nobody.test:443 HTTP/1.1\r\n\r\n", b"502"),
        (b"CONNECT good.test:1 HTTP/1.1\r\n\r\n", b"502"),
        (b"\x00\x01\x02\r\n\r\n", b"400"),
    ],
)
def test_what_cannot_be_is_answered(raw: bytes, status: bytes) -> None:
    async def talk(lab: Lab) -> None:
        assert (await lab.ask(raw)).split(b" ")[1] == status

    Lab(Network()).run(talk)


def _socks(kind: int, host: bytes, port: int, command: int = 1, methods: bytes = b"\x01\x00") -> bytes:
    return b"\x05" + methods + b"\x05" + bytes([command, 0, kind]) + host + port.to_bytes(2, "big")


def test_socks_by_name_and_by_address() -> None:
    async def talk(lab: Lab) -> None:
        for kind, host in ((3, b"\x09good.test"), (1, bytes([127, 0, 0, 1]))):
            answer = await lab.say(_socks(kind, host, lab.bait) + b"through\n")
            assert answer == b"\x05\x00" + b"\x05\x00\x00\x01" + bytes(6) + b"THROUGH\n"

    Lab(Network()).run(talk)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (_socks(3, b"\x09evil.test", 443), 2),
        (_socks(4, bytes(15) + b"\x01", 443), 2),
        (_socks(3, b"\x09good.test", 443, command=2), 7),
        (_socks(9, b"", 443), 8),
    ],
)
def test_socks_refusals_have_their_codes(raw: bytes, code: int) -> None:
    async def talk(lab: Lab) -> None:
        assert (await lab.ask(raw))[2:4] == bytes([5, code])

    Lab(read_network({"allowOut": ["good.test"], **CLOSED}), private=False).run(talk)


def test_socks_that_wants_a_password_or_breaks_off() -> None:
    async def talk(lab: Lab) -> None:
        assert await lab.ask(_socks(1, bytes(4), 1, methods=b"\x01\x02")) == b"\x05\xff"
        assert await lab.say(b"\x05\x01") == b""
        assert await lab.say(b"") == b""
        assert lab.traffic.open == 0

    Lab(Network()).run(talk)


def test_open_connections_break_when_they_are_allowed_no_more_or_their_box_ends() -> None:
    async def talk(lab: Lab) -> None:
        async def tunnel() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await lab.open()
            writer.write(f"CONNECT good.test:{lab.bait} HTTP/1.1\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
            return reader, writer

        kept, cut = await tunnel(), await tunnel()
        lab._egress.recheck(lab.traffic)
        lab.network = read_network({"allowOut": ["good.test"], **CLOSED})
        lab._egress.recheck(lab.traffic)
        kept[1].write(b"x\n")
        kept[1].write_eof()
        assert await kept[0].read() == b"X\n"
        lab._egress.end(Traffic())
        lab.network = read_network({}, internet=False)
        lab._egress.recheck(lab.traffic)
        assert await cut[0].read() == b""
        lab.network = Network()
        last = await tunnel()
        lab._egress.end(lab.traffic)
        assert await last[0].read() == b""
        assert lab.traffic.open == 0
        for _, writer in (kept, cut, last):
            writer.close()

    Lab(Network()).run(talk)


def test_a_box_has_only_so_many_connections() -> None:
    async def talk(lab: Lab) -> None:
        lab.traffic.open = LIMIT
        assert await lab.ask(b"CONNECT good.test:443 HTTP/1.1\r\n\r\n") == b""
        assert lab.traffic.refused == 1

    Lab(Network()).run(talk)


class Socks:
    """A SOCKS5 proxy of a client's own, with a password; it leads wherever it is asked to this machine."""

    def __init__(self, lab: Lab, reply: int = 0) -> None:
        self.lab, self.reply = lab, reply
        self.asked: list[tuple[int, bytes]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        if 2 not in await reader.readexactly(count):
            writer.write(b"\x05\xff")
            return
        writer.write(b"\x05\x02")
        name = await reader.readexactly((await reader.readexactly(2))[1])
        word = await reader.readexactly((await reader.readexactly(1))[0])
        good = (name, word) == (b"ann", b"s3cret")
        writer.write(b"\x01\x00" if good else b"\x01\x01")
        if not good:
            return
        kind = (await reader.readexactly(4))[3]
        size = (await reader.readexactly(1))[0] if kind == 3 else {1: 4, 4: 16}[kind]
        self.asked.append((kind, await reader.readexactly(size)))
        await reader.readexactly(2)
        writer.write(bytes([5, self.reply, 0, 1]) + bytes(6))
        if self.reply == 0:
            outer_reader, outer_writer = await asyncio.open_connection("127.0.0.1", self.lab.bait)
            outer_writer.write(await reader.read(1000))
            if outer_writer.can_write_eof() and writer.can_write_eof():
                outer_writer.write_eof()
            writer.write(await outer_reader.read())
            outer_writer.close()


def _through(lab: Lab, address: str, **more: object) -> Network:
    proxy = {"address": address, "username": "ann", "password": "s3cret", **more}
    return read_network({"egressProxy": proxy, "allowOut": ["good.test", "127.0.0.9"], **CLOSED})


def test_connections_leave_through_the_clients_own_proxy() -> None:
    async def talk(lab: Lab) -> None:
        socks = Socks(lab)
        async with await asyncio.start_server(socks, "127.0.0.1") as server:
            lab.network = _through(lab, f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
            for host in ("good.test", "127.0.0.9"):
                answer = await lab.say(f"CONNECT {host}:{lab.bait} HTTP/1.1\r\n\r\nx\n".encode())
                assert answer.endswith(b"\r\n\r\nX\n"), answer
            assert socks.asked == [(3, b"good.test"), (1, bytes([127, 0, 0, 9]))], "it looks up names that rules have"
            refused = await lab.ask(b"CONNECT evil.test:443 HTTP/1.1\r\n\r\n")
            assert b" 403 " in refused
            assert len(socks.asked) == 2, "rules come first"

    Lab(Network()).run(talk)


@pytest.mark.parametrize(("password", "reply", "why"), [("wrong", 0, "username and password"), ("s3cret", 2, "forbid")])
def test_a_proxy_that_says_no_is_no_reason_to_go_round_it(password: str, reply: int, why: str) -> None:
    async def talk(lab: Lab) -> None:
        async with await asyncio.start_server(Socks(lab, reply), "127.0.0.1") as server:
            port = server.sockets[0].getsockname()[1]
            lab.network = _through(lab, f"127.0.0.1:{port}", password=password)
            answer = (await lab.ask(f"CONNECT good.test:{lab.bait} HTTP/1.1\r\n\r\n".encode())).decode()
        assert answer.startswith("HTTP/1.1 502 the egress proxy does not lead to good.test")
        assert why in answer
        assert password not in answer
        gone = (await lab.ask(f"CONNECT good.test:{lab.bait} HTTP/1.1\r\n\r\n".encode())).decode()
        assert gone.startswith("HTTP/1.1 502 the egress proxy of this box cannot be reached")

    Lab(Network()).run(talk)


def test_tls_to_the_proxy_trusts_the_certificates_that_are_given_and_no_others(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def talk(lab: Lab) -> None:
        socks = Socks(lab)
        async with await asyncio.start_server(socks, "127.0.0.1", ssl=authority.context()) as server:
            address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            ask = f"CONNECT good.test:{lab.bait} HTTP/1.1\r\n\r\nGET /in HTTP/1.1\r\nA: b\r\n\r\n".encode()
            ours = {"enabled": True, "serverName": "e2b.localhost", "caCert": authority.certificate.read_text()}
            lab.network = _through(lab, address, tls=ours)
            assert (await lab.ask(ask)).endswith(b"GET /in HTTP/1.1\r\nA: b\r\n\r\n")
            lab.network = _through(lab, address, tls={**ours, "serverName": "other.example"})
            assert b" 502 " in await lab.ask(ask)
            lab.network = _through(lab, address, tls={"enabled": True})
            assert b" 502 " in await lab.ask(ask)
            assert len(socks.asked) == 1

    Lab(Network()).run(talk)


def test_a_proxy_on_this_machine_is_refused_without_leave() -> None:
    async def talk(lab: Lab) -> None:
        lab.network = read_network({"egressProxy": {"address": "proxy.test:1080"}})
        lab.answers = {"good.test": ["93.184.216.34"], "proxy.test": ["127.0.0.1"]}
        assert b"its egress proxy is not on the public internet" in await lab.ask(
            b"CONNECT good.test:443 HTTP/1.1\r\n\r\n"
        )

    Lab(Network(), private=False).run(talk)


def test_no_secret_of_a_proxy_is_told() -> None:
    asked = {"address": "a:1", "username": "ann", "password": "s3cret", "tls": {"enabled": True, "caCert": "PEM"}}
    assert shown(asked) == {"address": "a:1", "username": "ann", "tls": {"enabled": True}}
    assert "s3cret" not in repr(read_network({"egressProxy": {**asked, "tls": None}}))
