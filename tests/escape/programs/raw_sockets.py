# tries: sockets that see or forge packets
# must: none can be had
# as: user, root
import socket

from attempt import contained, must

for family, kind, protocol in (
    (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP), (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
    (socket.AF_INET6, socket.SOCK_RAW, 58), (socket.AF_PACKET, socket.SOCK_RAW, 0x300),
    (socket.AF_PACKET, socket.SOCK_DGRAM, 0x300),
):  # fmt: skip
    try:
        socket.socket(family, kind, protocol)
    except OSError:
        continue
    must(False, f"a socket {family!r} {kind!r}")
contained()
