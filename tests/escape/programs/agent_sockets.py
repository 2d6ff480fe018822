# tries: to find a socket of the agent's and to talk nonsense to it
# must: whatever answers, the agent goes on
# as: user, root
import array
import socket

from attempt import contained

paths = {line.split()[-1] for line in open("/proc/net/unix") if len(line.split()) == 8}
for path in paths:
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
        for words in (b"", b"\0" * 65536, b"http", b"dial 99999999999999999999", b"{" * 10000, b"\xff" * 100):
            try:
                with socket.socket(socket.AF_UNIX, kind) as attacker:
                    attacker.settimeout(0.2)
                    attacker.connect("\0" + path[1:] if path.startswith("@") else path)
                    attacker.sendmsg([words], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
            except OSError:
                continue
found = 0
for port in range(1, 65536):
    with socket.socket() as attacker:
        found += attacker.connect_ex(("127.0.0.1", port)) == 0
print(sorted(paths), found)
contained()
