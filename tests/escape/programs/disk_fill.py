# tries: to fill the host's disk
# must: the box's own disk is full at its size; the box goes on
# as: user, root
import os
import signal
import time

from attempt import contained, must

info = os.statvfs(".")
own = info.f_blocks * info.f_frsize < 12 << 30
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
written, made = 0, []
try:
    for number in range(24):
        made.append(f"fill{number}")
        fd = os.open(made[-1], os.O_WRONLY | os.O_CREAT)
        os.posix_fallocate(fd, 0, 1 << 30)
        os.close(fd)
        written += 1
        if not own:
            time.sleep(0.5)  # who is only watched is stopped at the next look
except OSError:
    pass
full = written < 20
for name in made:
    os.unlink(name)
must(full, f"{written} GiB on a disk of 10")
contained()
