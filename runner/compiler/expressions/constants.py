"""Parts that are written out entirely, such as `int('x')`: they must have a value. A pattern must be one."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.expressions.tree import Binary, Call, Index, Items, Literal, Tree, number_of, parts_of
from runner.compiler.expressions.trouble import Trouble

_OF_THE_RUN = ("hash",)  # what they give is not known before
_FORMS = {
    "duration": "a duration is written '90s', '5m' or '1h30m'",
    "timestamp": "a time is written '2030-01-31T09:00:00Z'",
    "int": "whole numbers are written '42'",
    "double": "numbers are written '4.2'",
    "bool": "it takes 'true' and 'false'",
}


def without_value(text: str, tree: Tree) -> Trouble | None:
    """The first part that never has a value, whatever the run brings. `text` is the expression, a sound one."""
    for part in _parts(tree):
        written = text[part.start : part.end]
        if _is_constant(part) and (why := _failure(written)):
            hint = _FORMS.get(part.name, "") if isinstance(part, Call) else ""
            message = f"`{' '.join(written.split())}` has no value: {why}"
            return Trouble("type", message, part.start, part.end, hint or "write one that has a value")
        pattern = part.args[-1] if isinstance(part, Call) and part.name == "matches" and part.args else None
        if isinstance(pattern, Literal) and (why := _failure(f"''.matches({text[pattern.start : pattern.end]})")):
            hint = "patterns are those of RE2; a character that means itself stands in [ ]: '[.]'"
            return Trouble("type", f"this is no pattern: {why}", pattern.start, pattern.end, hint)
    return None


def _parts(tree: Tree) -> Iterator[Tree]:
    todo = [tree]
    while todo:
        part = todo.pop(0)
        yield part
        todo += parts_of(part)


def _is_constant(tree: Tree) -> bool:
    """Whether it computes something from values alone; of what is computed in turn, the innermost is looked at."""
    if isinstance(tree, Call) and tree.name in _OF_THE_RUN:
        return False
    return isinstance(tree, Call | Binary | Index) and all(map(_is_written, parts_of(tree)))


def _is_written(tree: Tree) -> bool:
    if isinstance(tree, Items):
        return all(map(_is_written, tree.items))
    return isinstance(tree, Literal) or number_of(tree) is not None


def _failure(expression: str) -> str:
    """CEL's sentence about what cannot be computed; "" for what can."""
    from runner.compiler.expressions import program

    try:
        program.value_of(expression, {})
    except program.Failed as failed:
        sentence = str(failed).splitlines()[0]
        return (sentence.partition(": ")[2] or sentence).removesuffix(" [INVALID_ARGUMENT]")
    except (RuntimeError, ValueError, TypeError, OverflowError):
        return ""  # nothing that a run could hand on, and nothing that CEL says about it
    return ""
