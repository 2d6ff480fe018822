"""Expressions: CEL inside `${{ }}`, bare in `if`, `when` and `accept`.

`evaluate` and `render` serve a run; `check` finds every mistake beforehand. Only this package knows the CEL library.
"""

from runner.compiler.expressions.runtime import evaluate, render
from runner.compiler.expressions.scan import Piece, Reference, pieces, references

__all__ = ["Piece", "Reference", "evaluate", "pieces", "references", "render"]
