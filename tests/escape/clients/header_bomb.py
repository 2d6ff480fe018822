"""
tries: endless heads: one long field, a million short ones, a first line without end
must: the connection is refused at 64 KiB; the edge's memory stays flat
"""


def attack(target):
    before = target.edge_memory()
    for start, piece in (
        (b"GET / HTTP/1.1\r\nX: ", b"x" * 65536),
        (b"GET / HTTP/1.1\r\n", b"A: b\r\n" * 10000),
        (b"GET /", b"x" * 65536),
    ):
        got = target.flood(start, piece, 1 << 30)
        assert got < 64 << 20, f"{got} bytes of head were taken"
    assert target.edge_memory() - before < 64 << 20
