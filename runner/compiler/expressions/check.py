"""Expressions checked before anything runs: names, types, and what the place wants. Nothing here raises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

from cel_expr_python import cel

from runner.compiler.expressions.functions import DECLARATIONS, FUNCTIONS, METHODS, extensions
from runner.compiler.expressions.scan import ROOTS, Reference, calls, references
from runner.compiler.expressions.symbols import SECRET, Scope, Symbol
from runner.compiler.suggest import did_you_mean, existing, listed

TroubleKind = Literal["syntax", "unknown", "type", "value", "context"]
_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_OVERLOAD = re.compile(r"found no matching overload for '([^']+)' applied to '([^']*)'")
_LITERAL = r"(?P<{0}>'[^'\\\n]*'|\"[^\"\\\n]*\")"
_PATH = r"(?P<{0}>(?<![\w.])[a-z]+(?:\s*\.\s*\w+)+)"
_COMPARED = (
    re.compile(_PATH.format("path") + r"\s*(?:==|!=)\s*" + _LITERAL.format("word")),
    re.compile(_LITERAL.format("word") + r"\s*(?:==|!=)\s*" + _PATH.format("path")),
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something wrong in an expression, from offset `start` to `end` of its text."""

    kind: TroubleKind
    message: str
    start: int
    end: int
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The type of an expression (DYN when unknown) and its troubles."""

    type: str
    troubles: tuple[Trouble, ...] = ()


# ---------------------------------------------------------------- names


def _unknown(kind: TroubleKind, message: str, reference: Reference, hint: str) -> Trouble:
    return Trouble(kind, message, reference.start, reference.end, hint)


def _children(scope: Scope, prefix: str) -> list[str]:
    depth = prefix.count(".") + 1
    found = (path.split(".")[depth] for path in scope.table if path.startswith(prefix + "."))
    return list(dict.fromkeys(found))


_NOUNS = {
    "inputs": "input",
    "secrets": "secret",
    "matrix": "matrix axis",
    "steps": "step",
    "run": "property of `run`",
    "params": "parameter",
    "outputs": "output of the step",
}


def _resolve(reference: Reference, scope: Scope) -> Trouble | None:
    """What is wrong with one dotted name, or None."""
    root = reference.path[0]
    if root not in scope.roots:
        return _unknown(
            "context", f"`{root}` is not known here", reference, f"known here: {listed(scope.roots, 'and')}"
        )
    if len(reference.path) == 1:
        hint = existing(_children(scope, root))
        return _unknown("unknown", f"`{root}` is no value by itself: write `{root}.NAME`", reference, hint)
    if root == "steps" and reference.path[1] in scope.hidden:
        return _unknown("context", scope.hidden[reference.path[1]], reference, "")
    whole = str(reference)
    if whole in scope.table:
        return None
    for count in range(2, len(reference.path) + 1):
        prefix, name = ".".join(reference.path[: count - 1]), reference.path[count - 1]
        allowed = _children(scope, prefix)
        if name in allowed:
            continue
        parent = scope.table.get(prefix)
        if parent is not None and not parent.closed:
            return None  # below a value whose properties are not declared: the type checker's business
        return _missing(reference, prefix, name, allowed)
    hint = existing(f"{whole}.{name}" for name in _children(scope, whole))
    return _unknown("unknown", f"`{whole}` is no value by itself", reference, hint)


def _missing(reference: Reference, prefix: str, name: str, allowed: list[str]) -> Trouble:
    noun = _NOUNS.get(prefix)
    what = f"there is no {noun} `{name}`" if noun else f"`{prefix}` has no property `{name}`"
    if prefix.endswith(".outputs") and prefix.count(".") == 2:
        what = f"the step `{reference.path[1]}` declares no output `{name}`"
    if existing(allowed):
        what += f"; {existing(allowed)}"
    hint = did_you_mean(name, allowed) or (f"declare it under `{prefix}`" if prefix in ("inputs", "secrets") else "")
    return _unknown("unknown", what, reference, hint)


def _impossible(expression: str, scope: Scope) -> list[Trouble]:
    """Comparisons with a word that an enum does not have."""
    found = []
    for pattern in _COMPARED:
        for match in pattern.finditer(expression):
            symbol = scope.table.get(re.sub(r"\s", "", match["path"]))
            word = match["word"][1:-1]
            if symbol is None or symbol.values is None or word in symbol.values:
                continue
            words = [value for value in symbol.values if isinstance(value, str)]
            message = f"`{match['path']}` is never `{word}`; it is {listed(words)}"
            start, end = match.span("word")
            found.append(Trouble("value", message, start, end, did_you_mean(word, words)))
    return found


# ---------------------------------------------------------------- types


def cel_type(name: str) -> cel.Type:
    """The CEL type of that name."""
    if name.startswith("LIST<"):
        return cel.Type.List(cel_type(name[5:-1]))
    if name.startswith("MAP<"):
        return cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    return cel.Type.AbstractType(SECRET) if name == SECRET else getattr(cel.Type, name, cel.Type.DYN)


@lru_cache(maxsize=256)
def _environment(variables: frozenset[tuple[str, str]]) -> cel.Env:
    typed = {path: cel_type(name) for path, name in variables}
    return cel.NewEnv(variables=typed, functions=list(DECLARATIONS), extensions=extensions())


def _compile(expression: str, table: Mapping[str, Symbol]) -> str:
    """The type of an expression. Raises RuntimeError with CEL's complaints."""
    variables = frozenset((path, symbol.type) for path, symbol in table.items())
    return cast("str", _environment(variables).compile(expression).return_type().name())


def _offset(expression: str, line: int, column: int) -> int:
    lines = expression.split("\n")
    return min(sum(len(one) + 1 for one in lines[: line - 1]) + column - 1, len(expression))


def _operator(name: str) -> str:
    return name.replace("_", "").replace("@in", "in").strip() or name


_ADVICE = (
    (("int", "double"), "both sides must be of one type: write whole numbers as `3.0`, or convert with double(x)"),
    (("secret",), "a secret is opaque: hand it on whole, in `env` or `stdin`"),
    (("string", "int"), "convert with string(x) or int(x)"),
    (("string", "double"), "convert with string(x) or double(x)"),
    (("string", "bool"), "compare a boolean with true or false, or use it as it is"),
)

# What other languages call it.
_ELSEWHERE = {"len": "size", "length": "size", "count": "size", "lower": "lowerAscii", "upper": "upperAscii"}


def _type_trouble(sentence: str, start: int, expression: str) -> Trouble:
    overload = _OVERLOAD.search(sentence)
    if overload:
        types = overload[2].strip("()")
        hint = next((advice for words, advice in _ADVICE if all(word in types for word in words)), "")
        message = f"`{_operator(overload[1])}` cannot be applied to ({types})"
        return Trouble("type", message, start, start + 1, hint)
    if "cannot be the operand of a select" in sentence:
        kind = sentence.split("'")[1]
        return Trouble("type", f"a value of type {kind} has no properties", start, start + 1)
    return Trouble("type", sentence, start, min(start + 1, len(expression)))


def _function_hint(name: str) -> str:
    if name in METHODS:
        return f"it is called on a value: x.{name}(…)"
    if name in _ELSEWHERE:
        return f"did you mean `{_ELSEWHERE[name]}`?"
    known = did_you_mean(name, (*FUNCTIONS, *METHODS))
    return known or "functions are CEL's own, its string and math extensions, range and hash"


def _undeclared(name: str, start: int, expression: str, scope: Scope) -> Trouble:
    """`name` is what CEL does not know; for a function CEL points at its parenthesis."""
    known_calls = {at: called for called, at in calls(expression)}
    begin = start - len(name)
    if known_calls.get(begin) == name or expression[start : start + 1] == "(":
        return Trouble("unknown", f"there is no function `{name}`", max(begin, 0), start, _function_hint(name))
    root = name.split(".")[0]
    own = [path for path in scope.table if "." not in path]  # the variable of a `for_each`
    hint = (
        did_you_mean(root, [*scope.roots, *own])
        or f"an expression may use {listed(scope.roots, 'and')}; text stands in quotes"
    )
    return Trouble("unknown", f"`{name}` is not known", start, start + len(name), hint)


def _complaints(error: RuntimeError, expression: str, scope: Scope) -> list[Trouble]:
    found: list[Trouble] = []
    for match in _ERROR.finditer(str(error)):
        start = _offset(expression, int(match[1]), int(match[2]))
        sentence = match[3].removesuffix(" [INVALID_ARGUMENT]")
        if sentence.startswith("Syntax error: "):
            if not any(trouble.kind == "syntax" for trouble in found):
                found.append(_syntax(start, expression))
        elif sentence.startswith("undeclared reference to '"):
            name = sentence.split("'")[1]
            if name.split(".")[0] not in ROOTS or expression[start : start + 1] == "(":
                found.append(_undeclared(name, start, expression, scope))
        else:
            found.append(_type_trouble(sentence, start, expression))
    return found


def _syntax(start: int, expression: str) -> Trouble:
    if not expression.strip():
        return Trouble("syntax", "the expression is empty", 0, len(expression), "write a name such as `inputs.NAME`")
    rest = expression[start : start + 12].split()
    message = f"syntax error at `{rest[0]}`" if rest else "the expression ends too early"
    hint = "expressions are CEL: a == 'b' && (c > 1 || !d)"
    if set("“”‘’").intersection(expression):
        hint = "quotes are straight in CEL: 'text' or \"text\""
    return Trouble("syntax", message, start, start + 1, hint)


def check(expression: str, scope: Scope) -> Verdict:
    """Check one CEL text. Plain names are looked up; CEL itself is asked for everything else."""
    named = references(expression)
    name = expression.strip()
    if len(named) == 1 and str(named[0]) == name and name in scope.table and named[0].path[0] in scope.roots:
        trouble = _resolve(named[0], scope)
        return Verdict(scope.table[name].type, (trouble,) if trouble else ())
    troubles = [trouble for trouble in (_resolve(reference, scope) for reference in named) if trouble]
    try:
        found = _compile(expression, scope.table)
    except RuntimeError as error:
        troubles += [*_complaints(error, expression, scope), *_impossible(expression, scope)]
        if not troubles:  # a limit of the library, told without a place
            troubles.append(
                Trouble("syntax", f"it cannot be compiled: {str(error).splitlines()[0]}", 0, len(expression))
            )
        return Verdict("DYN", tuple(troubles))
    return Verdict(found, (*troubles, *_impossible(expression, scope)))
