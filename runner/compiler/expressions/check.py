"""Expressions checked before anything runs: names, types, values, and what can never be. Nothing here raises.

The language's own type checker finds the mistakes; what it finds nothing wrong with is compiled by CEL as well, as a
run will.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from runner.compiler.expressions.constants import without_value
from runner.compiler.expressions.facts import Facts
from runner.compiler.expressions.infer import Inference
from runner.compiler.expressions.parse import SyntaxFault, parse
from runner.compiler.expressions.scan import ROOTS
from runner.compiler.expressions.symbols import Scope, Symbol
from runner.compiler.expressions.tree import Binary, Literal, Logic, Name, Select, Tree, Unary, path_of
from runner.compiler.expressions.trouble import Change, Trouble, TroubleKind
from runner.compiler.expressions.types import ANY, Type
from runner.compiler.expressions.walker import truth
from runner.records import dataclass

__all__ = ["Change", "Trouble", "TroubleKind", "Verdict", "check"]
_COMPLAINT = re.compile(r"ERROR: <input>:-?\d+:-?\d+: (.*)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The name of an expression's type in CEL (DYN when unknown), its troubles, and its type to the leaf."""

    type: str
    troubles: tuple[Trouble, ...] = ()
    shape: Type = ANY

    @property
    def truth(self) -> bool | None:
        """Whether a condition is always true or always false; None when that depends on the run."""
        return truth(self.shape)

    @property
    def sound(self) -> bool:
        """Whether the expression means something: it may still be a constant, or ask for what may be missing."""
        return all(trouble.kind in ("constant", "skipped") for trouble in self.troubles)


def check(expression: str, scope: Scope) -> Verdict:
    """Check one CEL text."""
    try:
        tree = parse(expression)
    except SyntaxFault as fault:
        return Verdict("DYN", (Trouble("syntax", fault.message, fault.start, fault.end, fault.hint),))
    walk = Inference(expression, scope)
    kind = walk.type(tree)
    verdict = Verdict(kind.cel, tuple(walk.troubles), kind)
    if verdict.sound and not _simple(tree):
        complaint = _complaint(expression, scope.table) or without_value(expression, tree)
        if complaint is not None:
            return Verdict("DYN", (complaint,))
    return verdict


def known_after(condition: str, scope: Scope) -> Facts:
    """What is known where a condition holds, one that is sound."""
    walk = Inference(condition, scope)
    walk.learn(parse(condition), value=True)
    return walk.facts


def _simple(tree: Tree) -> bool:
    """Names, and comparisons of names with plain values: nothing that CEL could object to."""
    match tree:
        case Literal():
            return tree.kind == "boolean"
        case Name() | Select():
            return path_of(tree) is not None
        case Unary(operator="!", operand=operand):
            return _simple(operand)
        case Logic(operands=operands):
            return all(_simple(operand) for operand in operands)
        case Binary(operator=operator, left=left, right=right) if operator in ("==", "!=", "<", "<=", ">", ">="):
            return (_named(left) and (_named(right) or _plain(right))) or (_plain(left) and _named(right))
    return False


def _named(tree: Tree) -> bool:
    path = path_of(tree)
    return path is not None and len(path) > 1 and path[0] in ROOTS


def _plain(tree: Tree) -> bool:
    if not isinstance(tree, Literal) or tree.kind not in ("boolean", "text", "integer", "number", "null"):
        return False
    return tree.kind != "text" or len(str(tree.value)) == tree.end - tree.start - 2  # no escapes


def _complaint(expression: str, table: Mapping[str, Symbol]) -> Trouble | None:
    """What CEL has against an expression that looks well; None when it compiles."""
    from runner.compiler.expressions.program import program

    names = (*ROOTS, *(name for name in table if "." not in name))
    try:
        program(expression, names)
    except RuntimeError as error:
        match = _COMPLAINT.search(str(error))
        sentence = match[1] if match else str(error).splitlines()[0]
        sentence = sentence.removesuffix(" [INVALID_ARGUMENT]")
        kind: TroubleKind = "syntax" if match is None or "yntax" in sentence else "type"
        return Trouble(kind, f"it cannot be compiled: {sentence}", 0, len(expression))
    return None
