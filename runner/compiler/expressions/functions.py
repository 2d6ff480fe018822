"""The functions an expression may call beside CEL's own: declared once, for checking and for running."""

from __future__ import annotations

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_strings

_MOST = 10_000

#: Names and a sentence each, for messages and docs.
NAMES = {
    "range": "range(n) is [0, …, n-1]; range(a, b) is [a, …, b-1]",
    "hash": "hash(path) is a digest of a file, for cache keys",
    "size": "size(x) is the length of a string, list or map",
}


def _range(first: int, end: int | None = None) -> list[int]:
    numbers = range(first) if end is None else range(first, end)
    if len(numbers) > _MOST:
        raise ValueError(f"range of more than {_MOST} numbers")
    return list(numbers)


def _hash(path: str) -> str:
    raise ValueError(f"hash({path!r}) has a value only in a cache key")


_INTS = cel.Type.List(cel.Type.INT)
DECLARATIONS = (
    cel.FunctionDecl(
        "range",
        [
            cel.Overload("range_int", return_type=_INTS, parameters=[cel.Type.INT], impl=_range),
            cel.Overload("range_int_int", return_type=_INTS, parameters=[cel.Type.INT, cel.Type.INT], impl=_range),
        ],
    ),
    cel.FunctionDecl(
        "hash",
        [cel.Overload("hash_string", return_type=cel.Type.STRING, parameters=[cel.Type.STRING], impl=_hash)],
    ),
)


def extensions() -> list[cel.CelExtensionBase]:
    """The official string and math extensions (`upperAscii`, `split`, `math.greatest`, …)."""
    return [ext_strings.ExtStrings(), ext_math.ExtMath()]
