# tries: to use more memory than the box has, spread over many small processes
# must: some of them die; the box goes on
import os
import signal
import time

from attempt import contained, must

children = []
for _ in range(40):
    pid = os.fork()
    if pid == 0:
        held = bytearray(80 << 20)
        held[::4096] = b"x" * (len(held) // 4096)
        time.sleep(60)
    children.append(pid)
died = 0
for _ in range(200):
    time.sleep(0.05)
    died = os.waitpid(-1, os.WNOHANG)[0]
    if died:
        break
for pid in children:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
must(died, "3.1 GiB of memory in a box of 2")
contained()
