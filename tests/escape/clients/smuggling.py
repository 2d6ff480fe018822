"""
tries: requests that two parsers read in two ways, to slip a second one past the edge's check
must: each is refused, and the connection is closed
"""

import re

ANSWER = re.compile(rb"^HTTP/1\.1 \d", re.MULTILINE)
CASES = (
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 6\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding\r\n: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\0y\r\n\r\n",
    b"GET / HTTP/1.1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    b"GET /\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b": x\r\n\r\n",
)
CHUNKS = (
    b"-1\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhelloX\r\n0\r\n\r\n",
    b"5;\x00\nhello",
    b"fffffffffffffffff\r\nx",
    b"5_0\r\n",
)


def attack(target):
    for raw in CASES:
        answers = target.send(raw + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert len(ANSWER.findall(answers)) <= 1, (raw, answers)
        assert not answers or answers.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431")), (raw, answers)
    head = b"POST /v2/sandboxes HTTP/1.1\r\nHost: x\r\nX-API-KEY: %b\r\nTransfer-Encoding: chunked\r\n\r\n"
    for chunk in CHUNKS:
        answers = target.send(head % target.api_key.encode() + chunk + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert len(ANSWER.findall(answers)) <= 1, (chunk, answers)
        assert b" 201 " not in answers, chunk
