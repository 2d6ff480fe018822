"""Requests for new boxes, checked: the vendor's `NewSandbox` and `NewSandboxV2`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.embedded.e2b.boxes import Order
from runner.embedded.e2b.control.bodies import texts
from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.templates import Template

#: What the hosted service gives and an endpoint of one machine cannot.
_UNOFFERED = {
    "mcp": "the embedded endpoint starts no MCP gateway; run the MCP server as a command in the box",
    "iam": "the embedded endpoint issues no workload identity tokens; pass what the box needs by envVars",
}


def order(asked: Mapping[str, Any], template: Template, seconds: float) -> Order:
    """What a box shall be. `seconds` is its time to live. Raises Refused (400)."""
    for name, why in _UNOFFERED.items():
        if asked.get(name):
            raise Refused(400, why)
    auto_pause, memory = _flag(asked, "autoPause"), _flag(asked, "autoPauseMemory", True)
    auto_resume = _resumes(asked.get("autoResume"))
    if auto_resume and not auto_pause:
        raise Refused(400, "autoResume needs autoPause: a box that ends when its time is over cannot be woken")
    if auto_resume and not memory:
        raise Refused(400, "autoResume needs autoPauseMemory: a box of which only files are left must be resumed")
    return Order(
        timeout=seconds,
        env=texts(asked.get("envVars"), "envVars"),
        metadata=texts(asked.get("metadata"), "metadata"),
        template=template,
        auto_pause=auto_pause,
        pause_memory=memory,
        auto_resume=auto_resume,
        asked=asked,
    )


def _flag(asked: Mapping[str, Any], name: str, default: bool = False) -> bool:
    value = asked.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise Refused(400, f"{name} must be true or false, not {value!r}")
    return value


def _resumes(value: object) -> bool:
    if value is None:
        return False
    if not isinstance(value, dict) or not isinstance(value.get("enabled"), bool):
        raise Refused(400, 'autoResume must be {"enabled": true} or {"enabled": false}')
    return bool(value["enabled"])
