"""
tries: the control plane without a key, with a wrong one, with a box's token
must: 401 for every route, whether the box is there or not
"""


def attack(target):
    for key in ("", "e2b_" + "0" * 40, target.token, target.api_key[:-1], target.api_key + "0", "' OR 1=1 --"):
        for method, path in (
            ("GET", "/v2/sandboxes"), ("POST", "/v2/sandboxes"), ("POST", "/sandboxes"),
            ("GET", f"/sandboxes/{target.box_id}"), ("DELETE", f"/sandboxes/{target.box_id}"),
            ("POST", f"/v2/sandboxes/{target.box_id}/connect"), ("POST", f"/sandboxes/{target.box_id}/timeout"),
            ("GET", f"/sandboxes/{target.box_id}/metrics"), ("DELETE", "/sandboxes/inobody000000000000"),
        ):  # fmt: skip
            answer = target.ask(method, path, f"X-API-KEY: {key}\r\n", b"{}")
            assert answer.startswith(b"HTTP/1.1 401"), (method, path, answer)
