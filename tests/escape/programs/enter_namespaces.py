# tries: to enter namespaces: process 1's, and its own once more
# must: each is refused
# as: user, root
import glob
import os

from attempt import contained, must, refused

for path in [*glob.glob("/proc/1/ns/*"), *glob.glob("/proc/self/ns/*")]:
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        continue
    refused("setns", fd, 0)
    os.close(fd)
try:
    must(os.getuid() == 0 or not os.readlink("/proc/1/ns/mnt"), "process 1's namespaces can be seen")
except OSError:
    pass
contained()
