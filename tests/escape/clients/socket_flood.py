"""
tries: upgraded connections to a server in a box that are flooded from both sides and read by nobody
must: the edge holds a bounded amount of each and serves others meanwhile
"""

import socket
import time
from contextlib import ExitStack

SERVER = r"""
import socket, threading
def serve(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    try:
        while True:
            connection.sendall(b"\x82\x7e\xff\xff" + bytes(65535))
    except OSError:
        pass
server = socket.create_server(("127.0.0.1", 7777), backlog=100)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""


def attack(target):
    target.box.files.write("server.py", SERVER)
    target.box.commands.run("python3 server.py", background=True, timeout=0)
    before = target.edge_memory()
    head = f"GET /box/{target.box_id}/7777/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    for _ in range(100):
        if b" 502 " not in target.ask("GET", f"/box/{target.box_id}/7777/", "Connection: close\r\n", seconds=0.2):
            break
        time.sleep(0.02)
    with ExitStack() as stack:
        for _ in range(30):
            each = stack.enter_context(socket.create_connection((target.host, target.port)))
            each.sendall(head.encode())
            each.setblocking(False)
            try:
                while each.send(b"\x82\x7e\xff\xff" + bytes(65535)):
                    pass
            except BlockingIOError:
                pass
        assert target.ask("GET", "/health").startswith(b"HTTP/1.1 200")
        assert target.box.commands.run("echo served").stdout == "served\n"
        assert target.edge_memory() - before < 128 << 20
