# tries: to mount, bind, remount, unmount, by the old calls and the new
# must: each is refused
# as: user, root
import os

from attempt import contained, refused

os.makedirs("/tmp/m", exist_ok=True)
for kind in (b"tmpfs", b"proc", b"sysfs", b"devpts", b"overlay", b"ext4", b"fuse", b"mqueue", b"cgroup2"):
    refused("mount", b"none", b"/tmp/m", kind, 0, 0)
refused("mount", b"/proc", b"/tmp/m", 0, 4096, 0)
refused("mount", b"/", b"/tmp/m", 0, 4096 | 16384, 0)
for place in (b"/", b"/usr", b"/dev", b"/proc", b"/opt/runner/lib"):
    refused("mount", 0, place, 0, 32 | 4096, 0)
    refused("umount2", place, 2)
refused("fsopen", b"tmpfs", 0)
refused("open_tree", -100, b"/", 1)
refused("mount_setattr", -100, b"/", 0, 0, 0)
refused("move_mount", -100, b"/proc", -100, b"/tmp/m", 0)
refused("fspick", -100, b"/", 0)
contained()
