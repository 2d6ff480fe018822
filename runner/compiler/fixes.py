"""Mending a text by the fixes of its findings. Nothing outside their spans changes: comments and layout stay."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Sequence

from runner.compiler.codes import Stage, stage
from runner.compiler.diagnostic import Diagnostic, Fix, Severity, Span
from runner.records import dataclass

#: Gives the findings of a text.
Check = Callable[[bytes], list[Diagnostic]]

_BREAK = re.compile(r"\r\n|\r|\n")
_ROUNDS = 10  # a fix may make room for another one; more rounds than that would be a circle


@dataclass(frozen=True, slots=True)
class Mended:
    """A text after its fixes: which findings were mended, in the order of the rounds, and what remains."""

    data: bytes
    fixed: list[Diagnostic]
    remaining: list[Diagnostic]


def mend(data: bytes, path: str, check: Check, *, unsafe: bool = False) -> Mended:
    """Apply the safe fixes of all findings of `check` about the file `path`, with `unsafe` the others too.

    The fixed text is checked again, until nothing is left to fix. A fix that mends nothing or brings more errors than
    it mends is left out, though it may bring to light what a later stage finds. A text that is no UTF-8 stays as it is.
    """
    found = check(data)
    fixed: list[Diagnostic] = []
    for _ in range(_ROUNDS):
        wanted = _apart([one for one in found if one.fix and one.fix.span.path == path and (one.fix.safe or unsafe)])
        done, data, found = _round(data, found, wanted, check)
        if not done:
            break
        fixed += done
    return Mended(data, fixed, found)


def _round(
    data: bytes, found: list[Diagnostic], wanted: list[Diagnostic], check: Check
) -> tuple[list[Diagnostic], bytes, list[Diagnostic]]:
    """Apply what can be applied together; halve what cannot. Return what was applied, and what came of it."""
    if not wanted:
        return [], data, found
    new = applied(data, [one.fix for one in wanted if one.fix])
    if new == data:
        return [], data, found
    after = check(new)
    if _weight(after) <= _weight(found) and not _kept(wanted, found, after):
        return wanted, new, after
    if len(wanted) == 1:
        return [], data, found
    # From the last to the first: what stands before an edit keeps its place.
    half = len(wanted) // 2
    second, data, found = _round(data, found, wanted[half:], check)
    first, data, found = _round(data, found, wanted[:half], check)
    return [*first, *second], data, found


def _kept(wanted: list[Diagnostic], before: list[Diagnostic], after: list[Diagnostic]) -> bool:
    """Whether one of `wanted` is still found: its fix mends nothing."""
    gone = _sentences(before) - _sentences(after)
    return bool(_sentences(wanted) - gone)


def _sentences(findings: list[Diagnostic]) -> Counter[tuple[str, str]]:
    return Counter((one.code, one.message) for one in findings)


def _weight(findings: Sequence[Diagnostic]) -> tuple[int, ...]:
    """How many errors each stage has. Mending an earlier one may bring to light what the next one could not see."""
    errors = [stage(one.code) for one in findings if one.severity is Severity.ERROR]
    return tuple(errors.count(number) for number in Stage)


def _apart(findings: list[Diagnostic]) -> list[Diagnostic]:
    """Those whose fixes do not touch each other, the first of each group; in the order of the text."""
    out: list[Diagnostic] = []
    end = (0, 0)
    for finding in sorted(findings, key=lambda one: _order(one.fix.span) if one.fix else (0, 0, 0, 0)):
        span = finding.fix.span if finding.fix else finding.span
        if (span.line, span.column) > end or not out:
            out.append(finding)
            end = (span.end_line, span.end_column)
    return out


def _order(span: Span) -> tuple[int, int, int, int]:
    return (span.line, span.column, span.end_line, span.end_column)


def applied(data: bytes, fixes: Sequence[Fix]) -> bytes:
    """The text with the replacements, which do not overlap; line breaks, byte order mark and the rest stay.

    Places outside the text mean its end. Bytes that are no UTF-8 are returned as they are.
    """
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    try:
        text = data.removeprefix(mark).decode()
    except UnicodeDecodeError:
        return data
    breaks = list(_BREAK.finditer(text))
    starts = [0, *(found.end() for found in breaks)]
    newline = breaks[0][0] if breaks else "\n"
    for fix in sorted(fixes, key=lambda one: _order(one.span), reverse=True):
        span = fix.span
        begin, end = _index(starts, text, span.line, span.column), _index(starts, text, span.end_line, span.end_column)
        text = text[:begin] + fix.replacement.replace("\n", newline) + text[end:]
    return mark + text.encode()


def _index(starts: list[int], text: str, line: int, column: int) -> int:
    return min(starts[line - 1] + column - 1, len(text)) if line <= len(starts) else len(text)
