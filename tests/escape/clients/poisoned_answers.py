"""
tries: a server in a box whose answers are no HTTP: heads without end, lines inside fields, wrong lengths, upgrades
must: whoever asked gets an error or a broken connection; the edge goes on
"""

import time

SERVER = r"""
import socket, sys
answers = [
    b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000_000,
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\n\r\n",
    b"HTTP/1.1 999999 OK\r\n\r\n",
    b"\0\1\2\3" * 100,
    b"",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000,
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + b"x" * 100,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
]
server = socket.create_server(("127.0.0.1", 7777))
for answer in answers * 2:
    connection, _ = server.accept()
    connection.recv(65536)
    try:
        connection.sendall(answer)
    except OSError:
        pass
    connection.close()
"""


def attack(target):
    target.box.files.write("server.py", SERVER)
    target.box.commands.run("python3 server.py", background=True, timeout=0)
    before = target.edge_memory()
    for _ in range(100):
        if not target.ask("GET", f"/box/{target.box_id}/7777/").startswith(b"HTTP/1.1 502"):
            break
        time.sleep(0.02)
    for _ in range(9):
        answer = target.ask("GET", f"/box/{target.box_id}/7777/")
        assert answer.startswith((b"HTTP/1.1 502", b"HTTP/1.1 101", b"HTTP/1.1 200")) or not answer, answer[:200]
        assert b"Set-Cookie" not in answer
    assert target.edge_memory() - before < 64 << 20
