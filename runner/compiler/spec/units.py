"""Durations and sizes as people write them: `30s`, `1h30m`, `3d`; `512MiB`, `2GiB`."""

from __future__ import annotations

import re
from functools import lru_cache

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB|kB|MB|GB)")


def seconds(value: object) -> float | None:
    """Seconds of a duration such as `90s` or `1h30m`; a bare number counts as seconds; None if it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if value >= 0 else None
    return _seconds(value) if isinstance(value, str) else None


@lru_cache(maxsize=256)
def _seconds(text: str) -> float | None:
    total, at = 0.0, 0
    for match in _DURATION.finditer(text):
        if match.start() != at:
            return None
        total += float(match[1]) * _SECONDS[match[2]]
        at = match.end()
    return total if text and at == len(text) else None


def mebibytes(value: object) -> int | None:
    """MiB of a size such as `512MiB`, rounded up; a bare whole number counts as MiB; None if it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value >= 0 else None
    if not isinstance(value, str):
        return None
    match = _SIZE.fullmatch(value)
    if match is None:
        return None
    return int(-(-float(match[1]) * _BYTES[match[2]] // 2**20))
