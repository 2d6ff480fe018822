# tries: interfaces, addresses and tunnels of its own
# must: there is a loopback only, and none can be made
# as: user, root
import os
import socket
import subprocess

from attempt import contained, must

must([name for _, name in socket.if_nameindex()] == ["lo"], str(socket.if_nameindex()))
must(not os.path.exists("/dev/net/tun"), "/dev/net/tun")
for words in (
    "link add x type dummy",
    "link add x type veth",
    "addr add 10.9.9.9/24 dev lo",
    "route add default dev lo",
):
    try:
        done = subprocess.run(["ip", *words.split()], capture_output=True, check=False)
    except FileNotFoundError:
        break
    must(done.returncode != 0, f"ip {words}")
must([name for _, name in socket.if_nameindex()] == ["lo"], str(socket.if_nameindex()))
contained()
