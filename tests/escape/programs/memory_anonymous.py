# tries: to use more memory than the box has, in one process
# must: that process dies or is refused; the box goes on
# as: user, root
import os

from attempt import contained, must

pid = os.fork()
if pid == 0:
    held = []
    try:
        while len(held) < 64:
            held.append(b"x" * (64 << 20))
    except MemoryError:
        os._exit(1)
    os._exit(0)
must(os.waitpid(pid, 0)[1] != 0, "4 GiB of memory in a box of 2")
contained()
