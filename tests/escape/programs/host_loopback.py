# tries: to reach servers on the host's loopback, the edge among them
# must: none is reached, by either address family or any way to write it
# as: user, root
# host: bait
import os
import socket

from attempt import contained, must

ports = [int(word) for word in os.environ["BAIT_PORTS"].split()]
hosts = ["127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::ffff:127.0.0.1", "::", "10.0.2.2", "172.17.0.1", "192.168.0.1"]
for host in hosts:
    for port in ports:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as attacker:
            attacker.settimeout(0.5)
            try:
                attacker.connect((host, port))
                attacker.send(b"GET / HTTP/1.0\r\n\r\n")
            except OSError:
                continue
            must(False, f"{host}:{port} answers")
contained()
