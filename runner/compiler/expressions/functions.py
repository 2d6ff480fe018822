"""The functions an expression may call beside CEL's own: declared once, for checking and for running."""

from __future__ import annotations

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_strings

_MOST = 10_000

#: What is called as `f(x)`, and what as `x.f()`: for "did you mean".
FUNCTIONS = ("range", "hash", "size", "string", "int", "double", "bool", "type", "has", "timestamp", "duration")
METHODS = (
    *("contains", "startsWith", "endsWith", "matches", "lowerAscii", "upperAscii", "trim", "split", "join", "replace"),
    *("substring", "charAt", "indexOf", "lastIndexOf", "format", "all", "exists", "exists_one", "filter", "map"),
)


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
