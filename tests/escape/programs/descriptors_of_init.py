# tries: to take the agent's descriptors, the control channel among them
# must: pidfd_getfd on it is refused, and a command inherits nothing but its three
# as: user, root
import os

from attempt import call, contained, must, refused

fd = call("pidfd_open", 1, 0)
if fd >= 0:
    for number in range(64):
        refused("pidfd_getfd", fd, number, 0)
    os.close(fd)
mine = [name for name in os.listdir("/proc/self/fd") if int(name) > 2 and os.path.exists(f"/proc/self/fd/{name}")]
links = [os.readlink(f"/proc/self/fd/{name}") for name in mine]
must(all(link.endswith(".py") for link in links), f"inherited: {links}")
contained()
