"""
tries: a box's agent without its token, with another box's, with an empty one, by every way there is to a box
must: 401, and nothing of the box is told
"""


def attack(target):
    body = b'{"process":{"cmd":"/bin/true"}}'
    for token in ("", "x", target.other_token, target.token[:-1], target.token.upper() + "x", target.api_key):
        for head, path in (
            (f"E2b-Sandbox-Id: {target.box_id}\r\nE2b-Sandbox-Port: 49983\r\n", ""),
            (f"E2b-Sandbox-Id: {target.box_id}\r\nE2b-Sandbox-Port: 049983\r\n", ""),
            (f"E2b-Sandbox-Id: {target.box_id}\r\nE2b-Sandbox-Port: +49983\r\n", ""),
            (f"E2b-Sandbox-Id: {target.box_id}\r\n", ""),
            ("", f"/box/{target.box_id}/49983"),
            ("", f"/box/{target.box_id}/049983"),
        ):
            for route in (
                "/process.Process/List",
                "/filesystem.Filesystem/ListDir",
                "/files?path=/etc/passwd",
                "/metrics",
            ):
                for method in ("POST", "GET"):
                    answer = target.ask(method, path + route, f"{head}X-Access-Token: {token}\r\n", body)
                    assert answer.startswith((b"HTTP/1.1 401", b"HTTP/1.1 404", b"HTTP/1.1 400")), answer
                    assert b"root:" not in answer
