# tries: the ways into another's file tree that /proc has: root, cwd, exe, fd, map_files of each process
# must: those of process 1 are shut, and none leads to a file of the host
# as: user, root
import glob
import os

from attempt import contained, must

bait = os.environ["BAIT_FILE"]
for path in [*glob.glob("/proc/[0-9]*/root"), *glob.glob("/proc/[0-9]*/cwd"), *glob.glob("/proc/[0-9]*/task/*/root")]:
    must(not os.path.exists(path + bait), f"{path} leads to the host")
    for way in ("/..", "/../../../../.."):
        must(not os.path.exists(path + way + bait), f"{path}{way} leads to the host")
for name in ("root", "cwd", "exe"):
    try:
        must(False, f"/proc/1/{name} leads to {os.readlink(f'/proc/1/{name}')}")
    except OSError:
        pass
for number in range(64):
    path = f"/proc/1/fd/{number}"
    try:
        must(False, f"{path} leads to {os.readlink(path)}")
    except OSError:
        pass
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_PATH):
        try:
            must(False, f"{path} can be opened: {os.open(path, flags)}")
        except OSError:
            pass
try:
    must(not os.listdir("/proc/1/map_files"), "/proc/1/map_files can be listed")
except OSError:
    pass
contained()
