"""What a change means to those who review it: more power, a guard less, or callers that break."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from runner.compiler.plan.template import family, is_pinned
from runner.compiler.spec.units import seconds

_SECURITY, _BREAKING = "security", "breaking"
#: Sections in which something new gives the workflow more power.
_POWERS = ("network", "secrets", "triggers")
#: Properties of an approval that say who must agree to what, and whether it holds the run up at all.
_APPROVAL = ("prompt", "timeout", "on_timeout", "form", "if", "allow_failure", "kind")
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
    if section == "steps":
        return _SECURITY if _step_is_weaker(what, before, after) else ""
    if section == "agents" and what == "tools":
        return _SECURITY if set(map(str, _items(new))) - set(map(str, _items(old))) else ""
    if section in ("agents", "sandboxes") and (what == "timeout" or what.startswith("budget.")):
        return _SECURITY if _raised(old, new) else ""
    if section == "sandboxes" and what == "needs.template":
        return _SECURITY if new and (not is_pinned(new) or family(new) != family(old)) else ""
    return _SECURITY if section in ("secrets", "policies") and what != "title" else ""


def _step_is_weaker(what: str, before: Face, after: Face) -> bool:
    """Whether a step got more power, or guards less: an approval, what sees a secret, a box that reaches more."""
    old, new = before.get(what, ""), after.get(what, "")
    if what == "guards":
        return bool(set(old.split(", ")) - set(new.split(", ")) - {""})
    if what == "sandbox":
        return bool(set(_items(after.get("_reach", ""))) - set(_items(before.get("_reach", ""))))
    if what == "does":
        return bool(before.get("_secrets") and after.get("_secrets"))
    return before.get("kind") == "approve" and what in _APPROVAL


def _raised(old: str, new: str) -> bool:
    """Whether a limit admits more than before, or is gone."""
    before, after = _amount(old), _amount(new)
    return before is not None and (after is None or after > before)


def _amount(limit: str) -> float | None:
    """A number, or the seconds of a duration; None for no limit."""
    try:
        return float(limit)
    except ValueError:
        return seconds(limit)


def _new(section: str, after: Face) -> str:
    if section == "inputs":
        return _BREAKING if after.get("required") else ""
    template = after.get("needs.template", "") if section == "sandboxes" else ""
    if template and not is_pinned(template):
        return _SECURITY
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
