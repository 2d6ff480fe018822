# tries: Unix sockets of the host that have a name and no file, and those with a file
# must: none is reached
# as: user, root
# host: bait
import os
import socket

from attempt import contained, must

for name in ("\0" + os.environ["BAIT_NAME"], os.environ["BAIT_PATH"]):
    with socket.socket(socket.AF_UNIX) as attacker:
        must(attacker.connect_ex(name) != 0, f"{name!r} answers")
must(os.environ["BAIT_NAME"] not in open("/proc/net/unix").read(), "it is listed")
for path in (
    "/run/dbus/system_bus_socket",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/systemd/private",
):
    must(not os.path.exists(path), path)
contained()
