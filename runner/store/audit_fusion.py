"""One order out of two: what fits by its words and what fits by its meaning, fused by their relative scores.

Each list is stretched to between 0 (its worst) and 1 (its best), weighed, and what is in both is added up: the formula
of Weaviate's `relativeScoreFusion`, so that a search has the same answer wherever it is made. No SDK here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

K = TypeVar("K")

#: How much meaning weighs against words: the server's own default, said to it all the same.
ALPHA = 0.75
#: Hits of each kind that are fused at least, however few are wanted: the server's default too.
DEPTH = 100
#: Scores nearer to each other than this are the same.
_SAME = 1e-7


def fused(words: Mapping[K, float], meaning: Mapping[K, float], tie: Callable[[K], object]) -> list[tuple[K, float]]:
    """All that is in one of both, the best first; among equals the nearer in meaning (or words, where it has no
    meaning), then the smaller `tie`. The given scores grow with how well something fits.
    """
    total: dict[K, float] = {}
    for scores, weight in ((words, 1 - ALPHA), (meaning, ALPHA)):
        for key, value in _stretched(scores).items():
            total[key] = total.get(key, 0.0) + weight * value
    own = {**words, **meaning}
    return sorted(total.items(), key=lambda hit: (-round(hit[1] / _SAME), -round(own[hit[0]] / _SAME), tie(hit[0])))


def _stretched(scores: Mapping[K, float]) -> dict[K, float]:
    """The scores from 0 to 1; all 1 where they are the same."""
    least, most = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    return {key: (value - least) / (most - least) if most > least else 1.0 for key, value in scores.items()}
