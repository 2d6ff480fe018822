"""
tries: bodies without end for the control plane: gigabytes, and JSON nested a million deep
must: they are refused; the edge's memory stays flat
"""


def attack(target):
    before = target.edge_memory()
    head = f"X-API-KEY: {target.api_key}\r\n"
    start = f"POST /v2/sandboxes HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {1 << 40}\r\n\r\n".encode()
    got = target.flood(start, b" " * (1 << 20), 1 << 31)
    assert got < 256 << 20, f"{got} bytes were taken"
    for body in (
        b"[" * 900_000,
        b'{"a":' * 150_000,
        b'{"metadata":' + b"9" * 900_000 + b"}",
        b"\xff" * 1000,
        b'"\\ud800"',
    ):
        answer = target.ask("POST", "/v2/sandboxes", head, body)
        assert answer.startswith(b"HTTP/1.1 400"), answer[:200]
    assert target.edge_memory() - before < 64 << 20
