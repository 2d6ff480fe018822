"""Compiled expressions, kept: the one place where CEL compiles, for checking and for running."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from cel_expr_python import cel

from runner.compiler.canonical import Json
from runner.compiler.expressions.functions import DECLARATIONS, extensions
from runner.compiler.expressions.promote import FUNCTIONS, promoted
from runner.compiler.expressions.scan import ROOTS


@lru_cache(maxsize=64)
def _environment(names: tuple[str, ...]) -> cel.Env:
    variables = dict.fromkeys(names, cel.Type.DYN)
    return cel.NewEnv(variables=variables, functions=list(DECLARATIONS), extensions=extensions())


@lru_cache(maxsize=4096)
def program(expression: str, names: tuple[str, ...] = ROOTS) -> cel.Expression:
    """The compiled expression over values of any type under these names. Raises RuntimeError with CEL's complaints."""
    return _environment(names).compile(promoted(expression))


class Failed(Exception):
    """CEL's sentence about a value that could not be computed."""


def value_of(expression: str, data: Mapping[str, Json]) -> object:
    """The value of an expression over these variables, as Python's own types.

    Raises Failed; RuntimeError, ValueError, TypeError or OverflowError when it cannot be compiled or handed over.
    """
    result = program(expression, tuple(data)).eval(data=dict(data))
    if result.type() == cel.Type.ERROR:
        raise Failed(_in_cel_words(str(result.value())))
    return result.plain_value()


def _in_cel_words(sentence: str) -> str:
    for operator, name in FUNCTIONS.items():
        sentence = sentence.replace(name, f"_{operator}_")
    return sentence
