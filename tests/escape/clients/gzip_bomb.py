"""
tries: an upload of gzip that grows a thousandfold
must: it fills the box's disk only; edge and agent go on
"""

import zlib


def attack(target):
    before = target.edge_memory()
    pack = zlib.compressobj(9, wbits=31)
    bomb = pack.compress(bytes(512 << 20)) + pack.flush()
    head = f"E2b-Sandbox-Id: {target.box_id}\r\nX-Access-Token: {target.token}\r\nContent-Encoding: gzip\r\n"
    head += "Content-Type: application/octet-stream\r\n"
    target.ask("POST", "/files?path=bomb&username=user", head, bomb)
    assert target.edge_memory() - before < 64 << 20
    assert target.box.commands.run("echo lives").stdout == "lives\n"
