"""Canonical JSON and digests: the same value always has the same bytes.

Keys sorted by code point, no insignificant space, UTF-8, no NaN or infinity: the parts of
RFC 8785 that matter for values whose numbers are integers or Python floats.
"""

from __future__ import annotations

import hashlib
import json
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def canonical(value: object) -> bytes:
    """Return the canonical JSON bytes of `value`.

    Raises ValueError for NaN and infinities, TypeError for what JSON cannot hold.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def digest(value: object) -> str:
    """Return the SHA-256 of the canonical JSON of `value`, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()
