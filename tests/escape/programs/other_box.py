# tries: another box: its files, its processes, its server, its users
# must: nothing of it is there
# as: user, root
import os
import socket
import subprocess

from attempt import contained, must

with socket.socket() as attacker:
    must(attacker.connect_ex(("127.0.0.1", int(os.environ["OTHER_PORT"]))) != 0, "its server answers")
found = subprocess.run(
    ["find", "/", "-xdev", "-name", os.environ["OTHER_FILE"]], capture_output=True, text=True, check=False
)
must(not found.stdout, f"its file: {found.stdout}")
for name in os.listdir("/proc"):
    if name.isdigit():
        try:
            must(os.environ["OTHER_MARK"] not in open(f"/proc/{name}/cmdline").read(), "its process is seen")
        except OSError:
            continue
contained()
