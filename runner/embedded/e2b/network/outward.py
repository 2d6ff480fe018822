"""What a box needs to know of the ways in and out: who lets it out, what it has sent, by what its ports open."""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Protocol

from runner.embedded.e2b.network.network import Network
from runner.records import dataclass


@dataclass(slots=True)
class Traffic:
    """What one box has sent and received (bytes), how many connections it has open, and how many were refused."""

    sent: int = 0
    received: int = 0
    open: int = 0
    refused: int = 0


class Outward(Protocol):
    """The way out of boxes: the port on their loopback that leads there, and what becomes of its connections."""

    port: int

    def environment(self, network: Network) -> Mapping[str, str]:
        """What tells programs in a box of it."""

    def take(self, plug: socket.socket, network: Callable[[], Network], traffic: Traffic) -> None:
        """Serve a connection."""

    def recheck(self, traffic: Traffic) -> None:
        """Break what a box's rules do not allow any more."""

    def end(self, traffic: Traffic) -> None:
        """Break all connections of a box."""


def traffic_token(token: str) -> str:
    """What opens the ports of a box that is not public; `token` is the box's own, which this does not tell."""
    return hashlib.sha256(f"traffic:{token}".encode()).hexdigest()[:48]


def trusting() -> ssl.SSLContext:
    """For a server in a box that speaks TLS itself: it is reached over a way that nobody else is on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
