"""What requests hold, checked: each function raises Refused with a sentence for the client."""

from __future__ import annotations

import json
from typing import Any

from runner.embedded.e2b.control.refusals import Refused


def object_of(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body; an empty body is an empty object."""
    try:
        value = json.loads(raw or b"{}")
        if b"\\ud" in raw.lower():  # half of a pair is no character: nothing can hold it
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Refused(400, "the body is not a JSON object")
    return value


def number(text: str, name: str, low: int, high: int) -> int:
    """A whole number of a query."""
    if not text.isdecimal() or len(text) > 18 or not low <= int(text) <= high:
        raise Refused(400, f"{name} must be a number from {low} to {high}, not {text!r}")
    return int(text)


def texts(value: object, name: str) -> dict[str, str]:
    """A map of names to strings; None is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise Refused(400, f"{name} must map names to strings")
    if any("\0" in key + each or (name == "envVars" and ("=" in key or not key)) for key, each in value.items()):
        raise Refused(400, f"{name} holds what no environment can hold")
    return value
