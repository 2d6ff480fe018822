# tries: families of sockets that reach the host of a virtual machine, the kernel's ciphers, other buses
# must: none can be had
# as: user, root
import socket

from attempt import contained, must

for family in range(1, 46):
    if family in (1, 2, 10, 16):
        continue
    for kind in (1, 2, 3, 5):
        try:
            socket.socket(family, kind)
        except OSError:
            continue
        must(False, f"a socket of family {family}")
contained()
