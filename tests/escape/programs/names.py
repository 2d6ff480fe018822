# tries: to send data out by looking up names
# must: no name is found, no datagram leaves
# as: user, root
import socket

from attempt import contained, must

for name in ("example.com", "secret.example.org", "metadata.google.internal"):
    try:
        must(False, f"{name} is {socket.getaddrinfo(name, 80)}")
    except OSError:
        pass
for host in ("8.8.8.8", "1.1.1.1", "10.0.0.2", "224.0.0.251", "255.255.255.255"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
        try:
            attacker.sendto(b"secret", (host, 53))
        except OSError:
            continue
        must(False, f"a datagram to {host}")
contained()
