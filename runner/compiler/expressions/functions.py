"""The functions an expression may call beside CEL's own: declared once, for checking and for running."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_strings

from runner.compiler.expressions import promote

_MOST = 10_000


def _range(first: int, end: int | None = None) -> list[int]:
    numbers = range(first) if end is None else range(first, end)
    if len(numbers) > _MOST:
        raise ValueError(f"range of more than {_MOST} numbers")
    return list(numbers)


def _no_files(path: str) -> str:
    raise ValueError(f"hash({path!r}) has a value only in a cache key")


#: What `hash` does: files are the caller's business, see `hashing`.
_hashes: ContextVar[Callable[[str], str]] = ContextVar("_hashes", default=_no_files)


def _hash(path: str) -> str:
    return _hashes.get()(path)


@contextmanager
def hashing(files: Callable[[str], str]) -> Iterator[None]:
    """Inside the block `hash` asks `files`, which gives a digest for a pattern or raises ValueError with a sentence."""
    before = _hashes.set(files)
    try:
        yield
    finally:
        _hashes.reset(before)


def _checked(value: float) -> float:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("integer overflow")
    return value


def _divide(left: float, right: float) -> float:
    if isinstance(left, int) and isinstance(right, int):
        if right == 0:
            raise ValueError("divide by zero")
        whole = abs(left) // abs(right)  # toward zero, as CEL does
        return _checked(whole if (left < 0) == (right < 0) else -whole)
    if right == 0:
        return float("nan") if left == 0 else float("inf") if left > 0 else float("-inf")
    return left / right


_SUMS: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: _checked(left + right),
    "-": lambda left, right: _checked(left - right),
    "*": lambda left, right: _checked(left * right),
    "/": _divide,
}


def _sum(operator: str) -> cel.FunctionDecl:
    """What a sum with a written number becomes, see `promote`."""
    name, numbers = promote.FUNCTIONS[operator], {"int": cel.Type.INT, "double": cel.Type.DOUBLE}
    overloads = [
        cel.Overload(
            f"{name}{left}_{right}",
            return_type=cel.Type.INT if left == right == "int" else cel.Type.DOUBLE,
            parameters=[numbers[left], numbers[right]],
            impl=_SUMS[operator],
        )
        for left in numbers
        for right in numbers
    ]
    return cel.FunctionDecl(name, overloads)


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
    *map(_sum, promote.FUNCTIONS),
)


def extensions() -> list[cel.CelExtensionBase]:
    """The official string and math extensions (`upperAscii`, `split`, `math.greatest`, …)."""
    return [ext_strings.ExtStrings(), ext_math.ExtMath()]
