# tries: a file that says it has 8 EiB, for whoever copies or counts it
# must: its size is refused beyond the box's disk
import os

from attempt import contained, must

fd = os.open("hole", os.O_RDWR | os.O_CREAT)
import signal

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for size in (2**63 - 1, 1 << 50, 1 << 36):
    try:
        os.ftruncate(fd, size)
    except OSError:
        continue
    must(False, f"a file of {size} bytes")
contained()
