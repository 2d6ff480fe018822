"""Did you mean …? The nearest of the allowed words, by edit distance with transpositions."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MOST_EDITS = 4
_MOST_CANDIDATES = 200  # of more than that, only words with the same first letter are compared
MOST_LISTED = 12  # words that a message lists
_MARKS = re.compile(r"[0-9]|(?:(?<=_)|^)[a-z](?=_|$)")  # of names that are alike on purpose
_LONGEST = 64  # characters compared; nobody mistypes a word longer than that into another


def distance(left: str, right: str, limit: int) -> int:
    """Edits (insert, delete, replace, swap of neighbours) from `left` to `right`; `limit + 1` when more."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    left, right = _differing(left, right)
    if not left or not right:
        return min(len(left) + len(right), limit + 1)
    before: list[int] = []
    previous = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        current = [i]
        for j, b in enumerate(right, 1):
            cost = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and b == left[i - 2]:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        if min(current) > limit:
            return limit + 1
        before, previous = previous, current
    return min(previous[-1], limit + 1)


def _differing(left: str, right: str) -> tuple[str, str]:
    """Both words without the beginning and the end that they share."""
    begin, end, shorter = 0, 0, min(len(left), len(right))
    while begin < shorter and left[begin] == right[begin]:
        begin += 1
    while end < shorter - begin and left[-1 - end] == right[-1 - end]:
        end += 1
    return left[begin : len(left) - end], right[begin : len(right) - end]


def _folded(word: str) -> str:
    return word[:_LONGEST].lower().replace("-", "_")


def nearest(word: str, allowed: Iterable[str], count: int = 1) -> list[str]:
    """Return up to `count` of `allowed` that `word` may be a slip of, the nearest first.

    A third of the letters may be wrong, at least one and at most four; case and `-` against `_` count nothing.
    A word that begins another one (`desc`, `description`) is near too.
    """
    folded = _folded(word)
    limit = min(max(1, len(folded) // 3), _MOST_EDITS)
    scored: list[tuple[int, str]] = []
    candidates = list(allowed)
    if len(candidates) > _MOST_CANDIDATES:
        candidates = [candidate for candidate in candidates if candidate[:1] == word[:1]][:_MOST_CANDIDATES]
    for candidate in candidates:
        target = _folded(candidate)
        edits = distance(folded, target, limit)
        if edits <= limit and edits < len(target):
            scored.append((edits, candidate))
        elif len(folded) >= 3 and (target.startswith(folded) or (folded.startswith(target) and len(target) >= 3)):
            scored.append((limit + 1, candidate))
    return [candidate for _, candidate in sorted(scored)[:count]]


def certain(word: str, allowed: Iterable[str]) -> bool:
    """Return whether `word` can only be a slip of one of `allowed`: of the only near one, by two edits at most.

    No slip are another digit, another letter that stands alone (`test3` may mean `test1` as well as `test2`, `job_c`
    another job than `job_a`), two letters more at an end (`install`, `uninstall`), and words of two letters.
    """
    near = nearest(word, allowed, 2)
    if len(near) != 1 or len(word) < 3 or distance(_folded(word), _folded(near[0]), 2) > 2:
        return False
    short, long = sorted((_folded(word), _folded(near[0])), key=len)
    is_part = len(long) - len(short) > 1 and (long.startswith(short) or long.endswith(short))
    return not is_part and _MARKS.findall(short) == _MARKS.findall(long)


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return ``did you mean `x`?`` or an empty text."""
    found = nearest(word, allowed)
    return f"did you mean `{found[0]}`?" if found else ""


def listed(words: Iterable[str], joint: str = "or") -> str:
    """Return the words in backquotes as a phrase: `a`, `b` or `c`."""
    quoted = [f"`{word}`" for word in words]
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} {joint} {quoted[-1]}"


def existing(words: Iterable[str]) -> str:
    """Return which words there are as a sentence without its end: ``there are `a` and `b` ``; many are not listed."""
    known = list(words)
    if not known:
        return "none is declared"
    return f"there {'is' if len(known) == 1 else 'are'} {listed(known, 'and')}" if len(known) <= MOST_LISTED else ""
