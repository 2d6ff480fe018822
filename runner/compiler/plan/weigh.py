"""What a change means to those who review it: more power, a guard less, or callers that break."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_SECURITY, _BREAKING = "security", "breaking"
#: Sections in which something new gives the workflow more power.
_POWERS = ("network", "secrets", "triggers")
#: Bounds of an input, and whether a higher one admits less.
_BOUNDS = {
    "minimum": True,
    "exclusiveMinimum": True,
    "minLength": True,
    "minItems": True,
    "maximum": False,
    "exclusiveMaximum": False,
    "maxLength": False,
    "maxItems": False,
}

Face = Mapping[str, str]


def weigh(section: str, what: str, before: Face | None, after: Face | None) -> str:
    """The alarm of a change: of the property `what`, or of the whole subject where one side is None."""
    if before is None:
        return _new(section, after or {})
    if after is None:
        return _gone(section, before)
    old, new = before.get(what, ""), after.get(what, "")
    if section == "inputs":
        return _BREAKING if _narrowed(what, old, new) else ""
    if section == "outputs":
        return _BREAKING
    if section == "agents" and what == "tools":
        return _SECURITY if set(_items(new)) - set(_items(old)) else ""
    guarded = section in ("secrets", "policies") or (section == "steps" and before.get("kind") == "approve")
    return _SECURITY if guarded and what not in ("title", "owner", "phase", "timeout") else ""


def _new(section: str, after: Face) -> str:
    if section == "inputs":
        return _BREAKING if after.get("required") else ""
    return _SECURITY if section in _POWERS or (section == "agents" and after.get("tools")) else ""


def _gone(section: str, before: Face) -> str:
    if section in ("inputs", "outputs"):
        return _BREAKING
    guard = section == "policies" or (section == "steps" and before.get("kind") == "approve")
    return _SECURITY if guard else ""


def _items(text: str) -> list[Any]:
    """The items of a list that was written as JSON; one item for anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return [text] if text else []
    return found if isinstance(found, list) else [found]


def _narrowed(what: str, old: str, new: str) -> bool:
    """Whether an input takes less than before."""
    if what == "required":
        return bool(new)
    if what in ("enum", "type"):
        if (old, new) == ("integer", "number"):
            return False
        allowed = [json.dumps(item) for item in _items(new)]
        return bool(new) and (not old or any(json.dumps(item) not in allowed for item in _items(old)))
    if what in _BOUNDS:
        if not (old and new):
            return bool(new)
        return float(new) > float(old) if _BOUNDS[what] else float(new) < float(old)
    return what in ("pattern", "const", "format") and bool(new)
