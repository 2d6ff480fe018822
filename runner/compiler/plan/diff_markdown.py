"""What has changed about specs, as a comment of a pull request. Its first line finds the comment again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from runner.compiler.plan.amounts import shown
from runner.compiler.plan.diff import Change, SpecDiff, difference
from runner.compiler.plan.diff_text import STATUS, is_long, lines_between, shown_difference, tally, title
from runner.compiler.plan.markdown import code, details, table

#: The first line of every comment: a bot that finds it updates the comment instead of writing another one.
MARK = "<!-- runner plan --diff -->"
#: Characters of a comment: GitHub takes 65,536.
LARGEST = 60_000
_MOST_ROWS = 100
_ALARMS = {
    "security": "**Security**: more power, or a guard less",
    "breaking": "**Breaking** for those who start it",
}


def render(diffs: Sequence[SpecDiff], revision: str) -> str:
    """The tally, what wants attention, the prices as a table, and each spec's changes behind a click: as much of it as
    fits into one comment.
    """
    different = [diff for diff in diffs if diff.is_different]
    lines = [MARK, f"### Plans since {code(revision)}: {tally(diffs)}"]
    for alarm, words in _ALARMS.items():
        found = [
            f"- {code(diff.path)}: {_words(one)}" for diff in different for one in diff.changes if one.alarm == alarm
        ]
        more = [f"- and {len(found) - _MOST_ROWS} more"] if len(found) > _MOST_ROWS else []
        lines += ["", f"{words}:", "", *found[:_MOST_ROWS], *more] if found else []
    if different:
        head = ("spec", "", "price of a run before", "after", "difference")
        lines += ["", *table(head, (_row(diff) for diff in different[:_MOST_ROWS]))]
        lines += ["", f"and {len(different) - _MOST_ROWS} more"] if len(different) > _MOST_ROWS else []
    room = LARGEST - sum(len(line) + 1 for line in lines)
    for number, diff in enumerate(different):
        inside = list(_inside(diff))
        block = ["", *details(f"<code>{escape(diff.path)}</code>", inside)] if inside else []
        room -= sum(len(line) + 1 for line in block)
        if room < 0:
            rest = len(different) - number
            lines += [
                "",
                f"The changes of {rest} more do not fit here; {code(f'runner plan --diff {revision}')} shows them.",
            ]
            break
        lines += block
    return "\n".join(lines) + "\n"


def _row(diff: SpecDiff) -> tuple[str, ...]:
    before, after = diff.prices
    moved = f", from {code(diff.moved_from)}" if diff.moved_from else ""
    return (
        code(diff.path),
        STATUS[diff.status] + moved,
        shown(before.usd) if before else "",
        shown(after.usd) if after else "",
        shown_difference(difference(before, after)) if before and after else "",
    )


def _inside(diff: SpecDiff) -> Iterator[str]:
    for error in diff.after.errors if diff.after else ():
        yield f"- {code(error)}"
    for section in dict.fromkeys(change.section for change in diff.changes):
        yield from (f"**{section}**", "")
        for change in diff.changes:
            if change.section == section:
                yield f"- {_words(change)}"
                if change.kind == "changed" and is_long(change):
                    yield from _block(change)
        yield ""


def _words(change: Change) -> str:
    head = f"{change.kind} {code(title(change) or change.section)}"
    if change.kind != "changed":
        text = (change.after or change.before).strip()
        return f"{head}: {code(text.splitlines()[0][:72])}" if text else head
    if is_long(change):
        return head
    return f"{head}: {code(change.before) or 'none'} → {code(change.after) or 'none'}"


def _block(change: Change) -> Iterator[str]:
    """The lines that differ, in a block that none of them can end."""
    lines = lines_between(change.before, change.after)
    fence = "```"
    while any(fence in line for line in lines):
        fence += "`"
    yield from (f"  {fence}diff", *(f"  {line}" for line in lines), f"  {fence}")
