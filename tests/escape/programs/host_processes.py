# tries: to see or to signal processes of the host and of other boxes
# must: it finds its own only
# as: user, root
import os

from attempt import contained, must

seen = [int(name) for name in os.listdir("/proc") if name.isdigit()]
must(len(seen) < 20, f"{len(seen)} processes are seen")
found = 0
for pid in range(2, 40_000):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        continue
    except PermissionError:
        pass
    found += 1
must(found < 20, f"{found} processes can be found")
contained()
