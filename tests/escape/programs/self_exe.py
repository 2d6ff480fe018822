# tries: to write into programs of the host by /proc/self/exe and /proc/1/exe
# must: neither can be written
# as: user, root
import os

from attempt import contained, unwritable

fd = os.open("/proc/self/exe", os.O_RDONLY)
for path in ("/proc/self/exe", f"/proc/self/fd/{fd}", "/proc/1/exe"):
    unwritable(path, b"#!/bin/false")
contained()
