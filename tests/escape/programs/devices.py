# tries: devices of the host, found or made
# must: /dev holds only harmless ones, and none can be made
# as: user, root
import os
import stat

from attempt import contained, must

harmless = {(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2)}  # null zero full random urandom tty ptmx
for folder, _, names in os.walk("/dev"):
    for name in names:
        info = os.lstat(os.path.join(folder, name))
        must(not stat.S_ISBLK(info.st_mode), f"{name} is a disk")
        if stat.S_ISCHR(info.st_mode) and "pts" not in folder and name != "console":
            device = (os.major(info.st_rdev), os.minor(info.st_rdev))
            must(device in harmless, f"/dev/{name} {device}")
for kind, major, minor in ((stat.S_IFBLK, 254, 0), (stat.S_IFBLK, 8, 0), (stat.S_IFCHR, 1, 1), (stat.S_IFCHR, 10, 229)):
    for place in ("/tmp/device", "/home/user/device", "/run/device"):
        try:
            os.mknod(place, kind | 0o666, os.makedev(major, minor))
        except OSError:
            continue
        must(False, f"device {major}:{minor} made in {place}")
contained()
