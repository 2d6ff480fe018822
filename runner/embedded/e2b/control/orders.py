"""Requests for new boxes, checked: the vendor's `NewSandbox` and `NewSandboxV2`."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from runner.embedded.e2b.boxes.box import Order
from runner.embedded.e2b.control.bodies import texts
from runner.embedded.e2b.control.networks import network_of
from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.folders.volumes import MOUNTABLE, Mount, Volumes, mountable
from runner.embedded.e2b.templates import Template

#: What the hosted service gives and an endpoint of one machine cannot.
_UNOFFERED = {
    "mcp": "the embedded endpoint starts no MCP gateway; run the MCP server as a command in the box",
    "iam": "the embedded endpoint issues no workload identity tokens; pass what the box needs by envVars",
}


def order(asked: Mapping[str, Any], template: Template, seconds: float, volumes: Volumes | None) -> Order:
    """What a box shall be. `seconds` is its time to live; without `volumes` those that it mounts are left aside.

    Raises Refused (400, 404).
    """
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
        network=network_of(asked),
        asked=asked,
        volumes=() if volumes is None else _mounts(asked.get("volumeMounts"), volumes),
    )


def again(asked: Mapping[str, Any], template: Template, volumes: Volumes) -> Order:
    """What a box that rests shall be when it begins anew. Raises Refused (409) when a volume of its is gone."""
    try:
        return order(asked, template, 0.0, volumes)
    except Refused as error:
        remedy = "make one of that name, then connect again"
        raise Refused(409, f"the sandbox cannot be resumed: {error.message}; {remedy}") from error


def _mounts(asked: object, volumes: Volumes) -> tuple[Mount, ...]:
    if not asked:
        return ()
    if not isinstance(asked, list) or not all(isinstance(each, dict) for each in asked):
        raise Refused(400, 'volumeMounts must be a list of {"name": …, "path": …}')
    if not volumes.shared:
        raise Refused(400, "boxes of this endpoint are users of their own on the host, and cannot share volumes")
    found: dict[str, Mount] = {}
    for each in asked:
        name, path = each.get("name"), each.get("path")
        volume = volumes.named(name) if isinstance(name, str) else None
        if volume is None:
            raise Refused(404, f"volume {name!r} not found")
        if not isinstance(path, str) or posixpath.normpath(path) != path or not mountable(path) or path in found:
            raise Refused(400, f"volume {name!r} cannot be mounted at {path!r}: {MOUNTABLE}")
        # A volume is written by others meanwhile: nothing in it can be relied upon to be a folder and no link.
        if any(PurePath(path).is_relative_to(each) or PurePath(each).is_relative_to(path) for each in found):
            raise Refused(400, f"volume {name!r} cannot be mounted at {path!r}: volumes cannot lie in one another")
        found[path] = Mount(volume, path)
    return tuple(found.values())


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
    if isinstance(value, dict) and value.get("policy") in ("any", "off"):
        return bool(value["policy"] == "any")  # as older SDKs send it
    if not isinstance(value, dict) or not isinstance(value.get("enabled"), bool):
        raise Refused(400, 'autoResume must be {"enabled": true} or {"enabled": false}')
    return bool(value["enabled"])
