# tries: the kernel's own protocols: audit, netfilter, generic; and a change of the network by the one that is left
# must: the first cannot be had, the second is refused
# as: user, root
import socket
import struct

from attempt import contained, must

for protocol in range(32):
    try:
        made = socket.socket(16, socket.SOCK_RAW, protocol)
    except OSError:
        continue
    made.close()
    must(protocol in (0, 4, 15), f"netlink protocol {protocol}")
with socket.socket(16, socket.SOCK_RAW, 0) as route:
    body = struct.pack("=BxHiII", 0, 0, 0, 0, 0) + struct.pack("=HH", 8, 3) + b"bad\0"
    route.send(struct.pack("=IHHII", 16 + len(body), 16, 5 | 0x600, 1, 0) + body)  # RTM_NEWLINK
    answer = route.recv(4096)
    kind, error = struct.unpack_from("=H", answer, 4)[0], struct.unpack_from("=i", answer, 16)[0]
    must(kind == 2 and error < 0, f"a new interface: {error}")
contained()
