"""Whole numbers beside other numbers, as people write them: `inputs.ratio * 2`, `size(x) > 2.5`.

CEL computes with numbers of one kind only. A number that is written in the expression takes the kind of what stands
beside it: sums with one become calls of functions that take both kinds, and a comparison looks at values, not at kinds.
"""

from __future__ import annotations

from runner.compiler.expressions.parse import SyntaxFault, parse
from runner.compiler.expressions.scan import ROOTS
from runner.compiler.expressions.tree import Binary, Call, Choice, Index, Items, Tree, number_of, parts_of, path_of

#: By operator, the function that takes integers and other numbers in any combination.
FUNCTIONS = {"+": "__plus__", "-": "__minus__", "*": "__times__", "/": "__divide__"}
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


def promoted(expression: str) -> str:
    """The expression for CEL. What cannot be read is left as it is: CEL says what is wrong with it."""
    try:
        tree = parse(expression)
    except SyntaxFault:
        return expression
    changed, text = _written(tree, expression)
    return text if changed else expression


def _written(tree: Tree, text: str) -> tuple[bool, str]:
    """The part as CEL shall read it, and whether that is another text than before."""
    if isinstance(tree, Binary):
        return _operation(tree, text)
    if isinstance(tree, Choice):
        return _choice(tree, text)
    changed, found, at = False, [], tree.start
    for part in parts_of(tree):
        inside, new = _written(part, text)
        changed |= inside
        found += [text[at : part.start], new]
        at = part.end
    return changed, "".join([*found, text[at : tree.end]])


def _operation(tree: Binary, text: str) -> tuple[bool, str]:
    (left_changed, left), (right_changed, right) = _written(tree.left, text), _written(tree.right, text)
    head, tail = text[tree.start : tree.left.start], text[tree.right.end : tree.end]
    between = text[tree.left.end : tree.right.start]
    numbers = [number_of(side) is not None for side in (tree.left, tree.right)]
    mixed = has_mixed(tree.left) or has_mixed(tree.right)
    if tree.operator in FUNCTIONS and (mixed or numbers in ([True, False], [False, True])):
        return True, f"{head}{FUNCTIONS[tree.operator]}({left}, {right}){tail}"
    if tree.operator in _COMPARISONS and not (_open(tree.left) or _open(tree.right)):
        return True, f"{head}dyn({left}){between}{right}{tail}"
    return left_changed or right_changed, f"{head}{left}{between}{right}{tail}"


def _choice(tree: Choice, text: str) -> tuple[bool, str]:
    """Both sides may be of different types, an integer and a number or null."""
    parts = [_written(part, text)[1] for part in parts_of(tree)]
    head, tail = text[tree.start : tree.condition.start], text[tree.otherwise.end : tree.end]
    return True, f"{head}{parts[0]} ? dyn({parts[1]}) : {parts[2]}{tail}"


def has_mixed(tree: Tree) -> bool:
    """Whether it may be an integer or another number, as the run decides: one that is written is among several."""
    match tree:
        case Choice(then=then, otherwise=otherwise):
            several = [then, otherwise]
        case Call(name="least" | "greatest", args=args):
            several = args if len(args) > 1 else []
        case Index(of=Items(items=items)):
            several = items
        case _:
            return False
    return any(number_of(one) is not None or has_mixed(one) for one in several)


def _open(tree: Tree) -> bool:
    """Whether CEL knows no kind for it: a name that a run gives its value."""
    path = path_of(tree)
    return path is not None and len(path) > 1 and path[0] in ROOTS
