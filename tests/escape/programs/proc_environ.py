# tries: to find keys in the environment, arguments and memory of every process it sees
# must: process 1 shows nothing; what is printed holds none of the edge's secrets
# as: user, root
import glob
import os

from attempt import contained, unreadable

for name in ("environ", "mem", "maps", "auxv", "stack", "syscall", "pagemap", "io"):
    unreadable(f"/proc/1/{name}")
for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
    try:
        print(open(path, "rb").read().replace(b"\0", b"\n").decode(errors="replace"))
    except OSError:
        continue
print(os.environ)
contained()
