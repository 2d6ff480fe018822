"""What differs between two plans of one spec: for reviews, with what matters for safety and for callers marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Literal

from runner.compiler.canonical import Json
from runner.compiler.plan.amounts import Price, Range
from runner.compiler.plan.faces import SECTIONS, Face, faces
from runner.compiler.plan.model import Plan
from runner.compiler.plan.weigh import weigh
from runner.records import dataclass

Kind = Literal["added", "removed", "changed"]
Status = Literal["added", "removed", "changed", "same", "broken", "mended", "invalid"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: in `section`, of `subject` (a step's id, `a → b`, …). `what` is the property that changed, "" for
    the whole; `before` and `after` are its texts. `alarm` is "security" for what gives the workflow more power or takes
    a guard away, "breaking" for what can break those who start it, else "".
    """

    section: str
    subject: str
    kind: Kind
    what: str = ""
    before: str = ""
    after: str = ""
    alarm: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """A spec on one side of the comparison: its path, its plan, or the errors that keep it from having one."""

    path: str
    plan: Plan | None = None
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SpecDiff:
    """What has changed about one spec. `before` and `after` are None where there is no such spec."""

    name: str
    status: Status
    before: Side | None
    after: Side | None
    changes: tuple[Change, ...] = ()

    @property
    def path(self) -> str:
        """Where it is, or was."""
        side = self.after or self.before
        return side.path if side else ""

    @property
    def moved_from(self) -> str:
        """Where it was before; "" where it has not moved."""
        moved = self.before is not None and self.after is not None and self.before.path != self.after.path
        return self.before.path if moved and self.before else ""

    @property
    def prices(self) -> tuple[Price | None, Price | None]:
        """The price before and after; None where there is no plan."""
        return _price(self.before), _price(self.after)

    @property
    def is_different(self) -> bool:
        """Whether there is anything to tell."""
        return self.status != "same" or bool(self.moved_from)


def _price(side: Side | None) -> Price | None:
    return side.plan.price if side is not None and side.plan is not None else None


def difference(before: Price | None, after: Price | None) -> Range:
    """US dollars that a run costs more now, negative for less; a missing plan costs nothing."""
    old, new = (price.usd if price else Range() for price in (before, after))
    return Range(new.low - old.low, new.likely - old.likely, new.high - old.high).rounded()


def compare(
    before: Side | None,
    after: Side | None,
    fires: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
    name: str = "",
) -> SpecDiff:
    """Compare the two sides of a spec, of which one at least is there. `fires` are the next times of the schedules, as
    text by id, before and after.
    """
    old, new = (side.plan if side else None for side in (before, after))
    changes = tuple(_changes(old, new, fires)) if old and new else ()
    known = new or old
    return SpecDiff(name or (known.name if known else ""), _status(before, after, changes), before, after, changes)


def _status(before: Side | None, after: Side | None, changes: tuple[Change, ...]) -> Status:
    if before is None:
        return "added" if after is not None and after.plan else "invalid"
    if after is None:
        return "removed"
    if after.plan is None:
        return "broken" if before.plan else "invalid" if before.errors != after.errors else "same"
    if before.plan is None:
        return "mended"
    return "changed" if changes or before.plan.price.usd != after.plan.price.usd else "same"


def _changes(old: Plan, new: Plan, fires: tuple[Mapping[str, str], Mapping[str, str]]) -> Iterator[Change]:
    both = {step.id for step in old.steps} & {step.id for step in new.steps}
    old_faces, new_faces = faces(old, fires[0], both), faces(new, fires[1], both)
    for section in SECTIONS:
        before, after = old_faces[section], new_faces[section]
        for subject in dict.fromkeys((*before, *after)):
            yield from _subject(section, subject, before.get(subject), after.get(subject))


def _subject(section: str, subject: str, before: Face | None, after: Face | None) -> Iterator[Change]:
    if before is None or after is None:
        kind: Kind = "added" if before is None else "removed"
        alarm = weigh(section, "", before, after)
        text = next(iter((after or before or {}).values()), "")
        old, new = ("", text) if kind == "added" else (text, "")
        yield Change(section, subject, kind, "", old, new, alarm)
        return
    for what in dict.fromkeys((*before, *after)):
        old, new = before.get(what, ""), after.get(what, "")
        if old != new and not what.startswith("_"):
            yield Change(section, subject, "changed", what, old, new, weigh(section, what, before, after))


# ---------------------------------------------------------------- JSON


def to_json(diffs: list[SpecDiff], revision: str) -> Json:
    """The differences as plain JSON."""
    return {"revision": revision, "specs": [_one(diff) for diff in diffs if diff.is_different]}


def _one(diff: SpecDiff) -> Json:
    before, after = diff.prices
    changed = difference(before, after)
    return {
        "path": diff.path,
        "name": diff.name,
        "status": diff.status,
        "moved_from": diff.moved_from,
        "price": {
            "before": asdict(before.usd) if before else None,
            "after": asdict(after.usd) if after else None,
            "difference": asdict(changed),
        },
        "errors": list(diff.after.errors) if diff.after else [],
        "changes": [asdict(change) for change in diff.changes],
    }
