"""What has changed about specs, as lines of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import unified_diff

from runner.compiler.plan.amounts import Range, dollars, shown
from runner.compiler.plan.diff import Change, SpecDiff, difference

SIGNS = {"added": "+", "removed": "-", "changed": "~"}
STATUS = {
    "added": "is new",
    "removed": "is gone",
    "changed": "has changed",
    "same": "has moved",
    "broken": "was right and has errors now",
    "mended": "had errors and is right now",
    "invalid": "has errors",
}
_MOST_LINES = 20
_SHORT = 72


def lines_between(before: str, after: str) -> list[str]:
    """The lines that differ, each with `-` or `+`; a long list is cut."""
    found = list(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))[2:]
    found = [line for line in found if not line.startswith("@@")]
    more = len(found) - _MOST_LINES
    return [*found[:_MOST_LINES], f"  and {more} lines more"] if more > 0 else found


def is_long(change: Change) -> bool:
    """Whether the texts of a change need lines of their own."""
    return any("\n" in text or len(text) > _SHORT for text in (change.before, change.after))


def title(change: Change) -> str:
    """What has changed, in words."""
    parts = [part for part in (change.subject, change.what) if part]
    return ".".join(parts) if change.section != "graph" else change.subject


def shown_difference(change: Range) -> str:
    """What a run likely costs more or less now; where that is the same, what it costs at most."""
    if change.likely == 0:
        return f"likely the same, at most {_signed(change.high)}" if change.high else "likely the same"
    return f"likely {_signed(change.likely)}"


def _signed(amount: float) -> str:
    return f"{'+' if amount > 0 else '−'}{dollars(abs(amount))}"


def price_words(diff: SpecDiff) -> str:
    """The price before and after, and the difference; "" where nothing is known or nothing has changed."""
    before, after = diff.prices
    if before is None or after is None:
        known = after or before
        return shown(known.usd) if known else ""
    if before.usd == after.usd:
        return ""
    return f"{shown(before.usd)} → {shown(after.usd)} ({shown_difference(difference(before, after))})"


def tally(diffs: Sequence[SpecDiff]) -> str:
    """How many specs have changed, and how many changes want attention."""
    different = [diff for diff in diffs if diff.is_different]
    if not different:
        return "no plan has changed"
    alarms = Counter(change.alarm for diff in different for change in diff.changes if change.alarm)
    parts = ["1 spec differs" if len(different) == 1 else f"{len(different)} specs differ"]
    broken = sum(diff.status in ("broken", "invalid") for diff in different)
    parts += [f"{broken} with errors"] if broken else []
    parts += [f"security: {alarms['security']}"] if alarms["security"] else []
    parts += [f"breaking for callers: {alarms['breaking']}"] if alarms["breaking"] else []
    return ", ".join(parts)


def render(diffs: Sequence[SpecDiff]) -> str:
    """Each spec that differs with its changes by section, then the tally."""
    lines: list[str] = []
    for diff in diffs:
        if diff.is_different:
            lines += [*_spec(diff), ""]
    return "\n".join([*lines, tally(diffs)]) + "\n"


def _spec(diff: SpecDiff) -> Iterator[str]:
    moved = f", from {diff.moved_from}" if diff.moved_from else ""
    yield f"{diff.path} ({diff.name or 'no name'}) {STATUS[diff.status]}{moved}"
    for error in diff.after.errors if diff.after else ():
        yield f"  {error}"
    for section in dict.fromkeys(change.section for change in diff.changes):
        yield f"  {section}"
        for change in diff.changes:
            if change.section == section:
                yield from _change(change)
    price = price_words(diff)
    if price:
        yield f"  price of a run: {price}"


def _change(change: Change) -> Iterator[str]:
    alarm = f"  [{change.alarm}]" if change.alarm else ""
    head = f"    {SIGNS[change.kind]} {title(change)}"
    if change.kind == "changed" and is_long(change):
        yield f"{head}{alarm}"
        yield from (f"        {line}" for line in lines_between(change.before, change.after))
    elif change.kind == "changed":
        yield f"{head}: {change.before or 'none'} → {change.after or 'none'}{alarm}"
    else:
        text = (change.after or change.before).strip()
        first = text.splitlines()[0] if text else ""
        yield (
            head + (f": {first[:_SHORT]}{' …' if first != text or len(first) > _SHORT else ''}" if text else "") + alarm
        )
