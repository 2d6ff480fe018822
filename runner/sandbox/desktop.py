"""Desktops of E2B boxes through the vendor's own `e2b_desktop`: the one file that knows it.

That SDK has no asynchronous form, so its calls run in a thread. It makes the box itself, and an object of it that is
connected to a box later knows neither display nor stream (2.7). What a later process needs is therefore noted twice:
the display and the stream's port in the run's own record of the box, for they are no secret; the key of the stream
in a file of the box that it opens, readable by the box's user, which whoever may connect to the box can read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from runner.errors import FileMissing, SandboxMissing
from runner.run.ports import Desktop

#: Where a box keeps the key of its stream.
NOTE = "/home/user/.vnc/runner.json"
_DISPLAY, _PORT, _SIZE = ":0", 6080, (1280, 800)
_PREPARE = f"umask 077 && mkdir -p ~/.vnc && : > {NOTE} && chmod 600 {NOTE}"


def create(options: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, Desktop]:
    """Make a box whose desktop is up and streams, with a key; its id and what may be told of it. Blocks for seconds.

    `options` are those of the SDK's client, `wanted` those of its `create`. Raises what the SDK raises, and
    SandboxMissing without it.
    """
    try:
        from e2b_desktop import E2B
    except ImportError as exc:
        raise SandboxMissing(
            "the E2B SDK for desktops is not installed", "Install it: pip install 'runner[desktop]'"
        ) from exc
    box = E2B(**options).Sandbox.create(display=_DISPLAY, resolution=_SIZE, **wanted)
    try:
        box.stream.start(port=_PORT, require_auth=True)
        box.commands.run(_PREPARE)
        box.files.write(NOTE, json.dumps({"port": _PORT, "key": box.stream.get_auth_key()}))
    except BaseException:
        box.kill()
        raise
    return box.sandbox_id, Desktop(_DISPLAY, _PORT, *_SIZE)


def stream(note: bytes) -> tuple[int, str]:
    """The port of a desktop's stream and the path of its page there, from the box's note.

    The key goes behind the `#`: browsers send that to nobody. Raises FileMissing when the note is none of ours.
    """
    try:
        known = json.loads(note)
        port, key = int(known["port"]), str(known["key"])
    except (ValueError, KeyError, TypeError) as error:
        raise FileMissing(f"the box does not have the key of its desktop in {NOTE}") from error
    return port, f"/vnc.html?autoconnect=true&resize=scale#password={quote(key, safe='')}"
