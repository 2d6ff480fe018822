"""
tries: hundreds of connections that never finish their request
must: others are served meanwhile
"""

import socket
from contextlib import ExitStack


def attack(target):
    with ExitStack() as stack:
        for number in range(500):
            each = stack.enter_context(socket.create_connection((target.host, target.port)))
            each.send(b"GET / HTTP/1.1\r\nX: y"[: 5 + number % 15])
        assert target.ask("GET", "/health").startswith(b"HTTP/1.1 200")
        assert target.box.commands.run("echo served").stdout == "served\n"
