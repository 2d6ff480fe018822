# tries: to reach the host, the edge and private addresses by the proxy through which a box may reach the internet
# must: each is refused, in every spelling and by every protocol of the proxy
# needs: egress
# host: bait
# as: user, root
import os
import socket
import struct

from attempt import contained, must

PROXY = ("127.0.0.1", 3128)
PORTS = [int(word) for word in os.environ["BAIT_PORTS"].split()]
NAMES = (
    "127.0.0.1", "localhost", "LOCALHOST.", "0.0.0.0", "0", "127.1", "0x7f000001", "2130706433", "017700000001", "[::1]",
    "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    "ip6-localhost", "127.0.0.1%00.example.com", "user@127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.0.1",
    "172.17.0.1", "100.64.0.1", "[fe80::1]", "[fd00::1]", "[fd00:ec2::254]", "224.0.0.1", "255.255.255.255", "127.0.0.1.",
)  # fmt: skip


def ask(raw):
    with socket.create_connection(PROXY, 5) as asked:
        asked.settimeout(8)
        asked.sendall(raw)
        try:
            return asked.recv(4096)
        except OSError:
            return b""


for port in PORTS:
    for name in NAMES:
        answer = ask(f"CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n".encode())
        must(not answer.startswith(b"HTTP/1.1 200"), f"CONNECT {name}:{port}: {answer!r}")
        answer = ask(f"GET http://{name}:{port}/health HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n".encode())
        must(not answer.startswith(b"HTTP/1.1 2"), f"GET http://{name}:{port}: {answer!r}")
    for kind, host in ((1, bytes([127, 0, 0, 1])), (4, bytes(15) + b"\1"), (3, b"\x09localhost"), (3, b"\x011")):
        with socket.create_connection(PROXY, 5) as asked:
            asked.settimeout(8)
            asked.sendall(b"\5\1\0")
            must(asked.recv(2) == b"\5\0", "no SOCKS5: nothing was tried")
            asked.sendall(b"\5\1\0" + bytes([kind]) + host + struct.pack(">H", port))
            must(asked.recv(10)[1:2] != b"\0", f"SOCKS5 {host!r}:{port}")
# Requests that two parsers read in two ways.
for raw in (
    b"GET http://example.invalid/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", b"CONNECT 127.0.0.1:%d@example.invalid:80 HTTP/1.1\r\n\r\n",
    b"GET http://example.invalid\\@127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n\r\n", b"GET http://127.0.0.1:%d\t/ HTTP/1.1\r\nHost: x\r\n\r\n",
):  # fmt: skip
    answer = ask(raw % PORTS[0])
    must(not answer.startswith(b"HTTP/1.1 2"), f"{raw!r}: {answer!r}")
contained()
