"""What applying would change, for people: text, Markdown for pull requests, JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from runner.compiler.plan.calendar import Fire, upcoming
from runner.compiler.plan.markdown import code, details
from runner.compiler.plan.text import schedules_of, shown_fire, when
from runner.flow.deploy.compare import Action, Change, Comparison, Difference

SIGNS: dict[Action, str] = {"new": "+", "changed": "~", "unchanged": "=", "gone": "-"}
#: The first line of every comment: a bot that finds it updates the comment instead of writing another one.
MARK = "<!-- runner deploy --dry-run -->"
_FIRES = 5
_SHORT = 76
_LARGEST = 60_000


def text(comparison: Comparison, moment: datetime, *, prune: bool, done: bool) -> str:
    """Lines for a terminal; `done` says whether it was applied."""
    lines = [f"+ work pool {comparison.pool} ({comparison.pool_type})"] if comparison.pool else []
    for change in comparison.changes:
        lines += _block(change, moment, prune=prune)
    lines.append(tally(comparison, prune=prune, done=done))
    return "\n".join(lines) + "\n"


def markdown(comparison: Comparison, moment: datetime, *, prune: bool) -> str:
    """A comment for a pull request: the tally, and each deployment that changes behind a click."""
    lines = [MARK, f"### Deployments: {tally(comparison, prune=prune, done=False)}"]
    room = _LARGEST
    for change in comparison.changes:
        if change.action == "unchanged" and not change.notes:
            continue
        inside = ["```diff", *(_fenced(line) for line in list(_block(change, moment, prune=prune))[1:]), "```"]
        block = ["", *details(f"{change.action}: {change.name}", inside)]
        room -= sum(len(line) + 1 for line in block)
        if room < 0:
            lines += ["", f"More does not fit here; {code('runner deploy --dry-run')} shows it."]
            break
        lines += block
    return "\n".join(lines) + "\n"


def as_json(comparison: Comparison, moment: datetime, done: Sequence[str] | None) -> str:
    """One object: the changes, their differences, the next times of schedules, and what was `applied`."""
    body = {
        "work_pool": comparison.pool or None,
        "changes": [_object(change, moment) for change in comparison.changes],
        "is_different": comparison.is_different,
        "applied": None if done is None else list(done),
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def tally(comparison: Comparison, *, prune: bool, done: bool) -> str:
    """How many of each, in one line."""
    counts = Counter(change.action for change in comparison.changes)
    words = {
        "new": "made" if done else "to make",
        "changed": "changed" if done else "to change",
        "unchanged": "unchanged",
        "gone": ("removed" if done else "to remove") if prune else "of no spec any more (--prune removes them)",
    }
    said = [f"{counts[action]} {words[action]}" for action in SIGNS if counts[action]]
    return ", ".join(said) if said else "no specs, no deployments"


# ---------------------------------------------------------------- inside


def _block(change: Change, moment: datetime, *, prune: bool) -> Iterator[str]:
    sign = SIGNS[change.action] if change.action != "gone" or prune else "?"
    yield f"{sign} {change.name}" + (f"  ({change.path})" if change.path else "")
    if change.action == "new" and change.wanted is not None:
        yield from (f"  + inputs.{name}" for name in change.wanted.document["parameter_openapi_schema"]["properties"])
    for difference in change.differences:
        yield from _difference(difference)
    yield from (f"    note: {note}" for note in change.notes)
    if change.action in ("new", "changed"):
        yield from _times(change, moment)


def _times(change: Change, moment: datetime) -> Iterator[str]:
    if change.wanted is None:
        return
    fires = _fires(change, moment)
    for one in schedules_of(change.wanted.plan):
        yield f"    schedule {one.get('id')}: {when(one)}" + ("" if one.get("active") is not False else " (not active)")
        yield from (f"      {shown_fire(fire)}" for fire in fires.get(str(one.get("id")), ()))


def _fires(change: Change, moment: datetime) -> Mapping[str, Sequence[Fire]]:
    return upcoming(change.wanted.plan.extra.get("schedules"), moment, _FIRES) if change.wanted else {}


def _difference(one: Difference) -> Iterator[str]:
    before, after = _short(one.before), _short(one.after)
    if one.before is None:
        yield f"  + {one.what}: {after}"
    elif one.after is None:
        yield f"  - {one.what}: {before}"
    elif len(before) + len(after) <= _SHORT:
        yield f"  ~ {one.what}: {before} → {after}"
    else:
        yield f"  ~ {one.what}:"
        yield f"    - {before}"
        yield f"    + {after}"


def _short(value: object) -> str:
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    shown = " ".join(shown.split())
    return shown if len(shown) <= _SHORT * 4 else shown[: _SHORT * 4] + " …"


def _fenced(line: str) -> str:
    """A line inside a block of the language `diff`, whose colours go by the first character."""
    inner = line.strip().replace("```", "'''")
    return inner if inner.startswith(("+", "-")) else f"  {inner}"


def _object(change: Change, moment: datetime) -> dict[str, Any]:
    return {
        "action": change.action,
        "name": change.name,
        "path": change.path,
        "version": change.wanted.document["version"] if change.wanted else None,
        "differences": [{"what": one.what, "before": one.before, "after": one.after} for one in change.differences],
        "notes": list(change.notes),
        "next_fires": {
            id_: [{"at": fire.at.isoformat(), "note": fire.note} for fire in fires]
            for id_, fires in _fires(change, moment).items()
        },
    }
