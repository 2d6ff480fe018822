"""
tries: a signed file address for another file, another box, another user, another time, or cut short
must: 401 for each
"""

import base64
import hashlib
import time
from urllib.parse import quote


def sign(*words):
    return "v1_" + base64.b64encode(hashlib.sha256(":".join(words).encode()).digest()).rstrip(b"=").decode()


def attack(target):
    past, future = str(int(time.time()) - 10), str(int(time.time()) + 100)
    good = sign("/etc/passwd", "read", "user", target.token, future)
    head = f"E2b-Sandbox-Id: {target.box_id}\r\nE2b-Sandbox-Port: 49983\r\n"
    whole = f"/files?path=/etc/passwd&username=user&signature_expiration={future}&signature="
    assert target.ask("GET", whole + quote(good), head).startswith(b"HTTP/1.1 200"), "the right one does not work"
    forged = [
        whole.replace("passwd", "group") + quote(good),
        whole.replace("=user", "=root") + quote(good),
        whole.replace(future, str(int(future) + 1)) + quote(good),
        whole.replace(future, past) + quote(sign("/etc/passwd", "read", "user", target.token, past)),
        whole + quote(good[:-1]),
        whole + quote(sign("/etc/passwd", "read", "user", "", future)),
        whole + quote(sign("/etc/passwd", "read", "user", target.other_token, future)),
        whole.replace(future, "-1") + quote(sign("/etc/passwd", "read", "user", target.token, "-1")),
        whole.replace(future, "9" * 30) + quote(sign("/etc/passwd", "read", "user", target.token, "9" * 30)),
    ]
    for path in forged:
        assert target.ask("GET", path, head).startswith(b"HTTP/1.1 401"), path
    assert target.ask("POST", whole + quote(good), head, b"x").startswith(b"HTTP/1.1 401"), "written with a read's"
