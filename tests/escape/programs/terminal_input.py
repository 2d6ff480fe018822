# tries: to type into a terminal for whoever reads from it next (TIOCSTI, TIOCLINUX)
# must: both are refused
# as: user, root
import fcntl
import os

from attempt import contained, must

ours, theirs = os.openpty()
for request in (0x5412, 0x541C, 0x5412 | 1 << 32):
    for fd in (ours, theirs):
        try:
            fcntl.ioctl(fd, request & 0xFFFFFFFF, b"x")
        except OSError:
            continue
        must(False, f"ioctl {request:#x}")
contained()
