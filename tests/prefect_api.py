"""Ask a Prefect server what its pages would ask it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

# The server answers 503 while its SQLite file is locked; its own client asks again after such pauses, and so do we.
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)


def ask(api: str, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
    """The answer to a request below `api`, None for an empty one: GET without a body, POST with one, or `method`."""
    data = None if body is None else json.dumps(body).encode()
    for pause in (*_PAUSES, None):
        request = urllib.request.Request(api + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            if error.code != 503 or pause is None:
                raise
            time.sleep(pause)
    raise AssertionError("the loop returns or raises")


def ask_until(api: str, path: str, body: dict[str, Any], fits: Callable[[Any], bool], seconds: float = 45) -> Any:
    """The first answer that fits: the server writes task runs and states down a moment after they are reported."""
    end = time.monotonic() + seconds
    while not fits(found := ask(api, path, body)):
        assert time.monotonic() < end, found
        time.sleep(0.2)
    return found
