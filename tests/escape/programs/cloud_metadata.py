# tries: the addresses at which clouds hand out credentials
# must: they cannot be reached
# as: user, root
import socket

from attempt import contained, must

for host in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254", "fe80::1"):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as attacker:
        attacker.settimeout(1)
        must(attacker.connect_ex((host, 80)) != 0, f"{host} answers")
contained()
