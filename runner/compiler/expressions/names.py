"""Names in expressions: what they stand for, and what was probably meant by those that stand for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runner.compiler.expressions.scan import ROOTS
from runner.compiler.expressions.symbols import Scope
from runner.compiler.expressions.tree import Binary, Name, Select, Tree
from runner.compiler.expressions.trouble import Change, Trouble, TroubleKind
from runner.compiler.expressions.types import ANY, TYPE, Type
from runner.compiler.suggest import certain, did_you_mean, existing, listed, nearest
from runner.records import dataclass

_NOUNS = {
    "inputs": "input",
    "secrets": "secret",
    "matrix": "matrix axis",
    "steps": "step",
    "params": "parameter",
    "outputs": "output",
}
# What `type(x)` gives.
_TYPES = frozenset(("int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"))
# Words of other languages, and what is written here.
_ELSEWHERE = {
    "True": "write `true`",
    "False": "write `false`",
    "None": "write `null`",
    "nil": "write `null`",
    "undefined": "write `null`, or ask has(x.y)",
    "env": "the command itself reads its environment: $NAME",
    "vars": "values for a run are `inputs.NAME`",
    "needs": "outputs of another step are `steps.NAME.outputs.OUTPUT`",
    "jobs": "outputs of another step are `steps.NAME.outputs.OUTPUT`",
    "github": "what a run is given are its `inputs.NAME`",
    "event": "only `triggers` see it: hand on what is needed as inputs of the run",
}
# What is known at other places only, and what is done here.
_AT_ITS_PLACE = {
    "matrix": "only a step with a `matrix` has it",
    "params": "only the step of a template has parameters: what a run is given are its `inputs.NAME`",
    "outputs": "outputs of a step are `steps.NAME.outputs.OUTPUT`",
}
# What others call the state of a step.
_STATES = frozenset({"result", "outcome", "conclusion", "status", "phase"})


@dataclass(frozen=True, slots=True)
class Part:
    """One word of a dotted name, and where it stands."""

    name: str
    start: int
    end: int


def chain(tree: Tree) -> list[Part] | None:
    """The words of a dotted name; None for anything else."""
    found: list[Part] = []
    while isinstance(tree, Select):
        found.append(Part(tree.name, tree.at, tree.end))
        tree = tree.of
    if not isinstance(tree, Name):
        return None
    found.append(Part(tree.name, tree.start, tree.end))
    return found[::-1]


def dotted(parts: Iterable[Part]) -> str:
    """The name as it is written without spaces."""
    return ".".join([part.name for part in parts])


def wrong_word(kind: TroubleKind, message: str, part: Part, allowed: Iterable[str], hint: str = "") -> Trouble:
    """A word that is none of the allowed ones: with what there is, and what was probably meant."""
    names = list(allowed)
    near = nearest(part.name, names)
    known = f"{message}; {existing(names)}" if existing(names) else message
    change = Change(part.start, part.end, near[0], certain(part.name, names)) if near else None
    return Trouble(kind, known, part.start, part.end, did_you_mean(part.name, names) or hint, change)


def with_dash(tree: Binary, scope: Scope) -> Trouble | None:
    """`steps.build-site` is no difference: a name that other languages write with a dash, and no spaces around it."""
    left, right = chain(tree.left), chain(tree.right)
    if left is None or right is None or len(left) < 2 or right[0].start != left[-1].end + 1:
        return None
    parent, name = dotted(left[:-1]), f"{left[-1].name}-{right[0].name}"
    if left[0].name not in scope.roots or left[-1].name in _children(scope, parent):
        return None
    meant, start, end = name.replace("-", "_"), left[-1].start, right[0].end
    change = Change(start, end, meant, certain=meant in _children(scope, parent))
    return Trouble("unknown", f"`-` is a minus: no name is `{name}`", start, end, f"did you mean `{meant}`?", change)


def _children(scope: Scope, prefix: str) -> list[str]:
    depth = prefix.count(".") + 1
    found = (path.split(".")[depth] for path in scope.table if path.startswith(prefix + "."))
    return list(dict.fromkeys(found))


def _missing(parts: Sequence[Part], count: int, scope: Scope) -> Trouble:
    """`parts[count]` is nothing below the words before it."""
    prefix, part = dotted(parts[:count]), parts[count]
    noun = _NOUNS.get(prefix)
    what = f"there is no {noun} `{part.name}`" if noun else f"`{prefix}` has no property `{part.name}`"
    if count == 3 and parts[0].name == "steps" and parts[2].name == "outputs":
        what = f"the step `{parts[1].name}` declares no output `{part.name}`"
    if count == 2 and parts[0].name == "steps" and (meant := _meant_of_step(parts, scope)):
        known = existing(_children(scope, prefix))
        change = Change(part.start, part.end, meant, certain=meant != "state")
        return Trouble("unknown", f"{what}; {known}", part.start, part.end, f"did you mean `{meant}`?", change)
    return wrong_word("unknown", what, part, _children(scope, prefix), _declare(parts, count, prefix))


def _meant_of_step(parts: Sequence[Part], scope: Scope) -> str:
    """What `steps.ID.NAME` means: an output without its `outputs`, or the state by another name."""
    name = parts[2].name
    if f"steps.{parts[1].name}.outputs.{name}" in scope.table:
        return f"outputs.{name}"
    return "state" if name in _STATES else ""


def _declare(parts: Sequence[Part], count: int, prefix: str) -> str:
    """How to make a name known that is not declared."""
    if prefix in ("inputs", "secrets"):
        return f"declare it under `{prefix}`"
    if prefix == "run" and f"run.{parts[1].name}" in ("run.cost", "run.seconds", "run.state"):
        return "only `policies` watch it"
    if prefix == "outputs":
        return f"declare it: outputs: {{{parts[1].name}: {{type: …}}}}"
    if count == 3 and parts[0].name == "steps":
        return f"the step that makes it declares it: outputs: {{{parts[3].name}: {{type: …}}}}"
    return ""


def _no_value(parts: Sequence[Part], scope: Scope) -> Trouble:
    name = dotted(parts)
    below = _children(scope, name)
    start, end = parts[0].start, parts[-1].end
    if len(parts) == 1:
        return Trouble("unknown", f"`{name}` is no value by itself: write `{name}.NAME`", start, end, existing(below))
    hint = existing(f"{name}.{one}" for one in below)
    return Trouble("unknown", f"`{name}` is no value by itself", start, end, hint)


def find(parts: Sequence[Part], scope: Scope) -> tuple[Type, int] | Trouble:
    """The type of the longest beginning of a dotted name that stands for a value, and how many words that is."""
    root = parts[0]
    own = scope.table.get(root.name)
    if own is not None:
        return own.known, 1
    if len(parts) == 1 and root.name in _TYPES:
        return TYPE, 1
    if root.name not in ROOTS and root.name not in scope.roots:
        return _stranger(root, scope)
    if root.name not in scope.roots:
        why = _AT_ITS_PLACE.get(root.name)
        hint = f"{f'{why}; ' if why else ''}known here: {listed(scope.roots, 'and')}"
        if root.name == "steps" and scope.roots == ("inputs",):
            hint = "a matrix is known before the run: a list that a step makes is gone through by `for_each`"
        return Trouble("context", f"`{root.name}` is not known here", root.start, parts[-1].end, hint)
    if len(parts) == 1:
        return _no_value(parts, scope)
    if root.name == "steps" and parts[1].name in scope.hidden:
        hint = "an expression sees steps that have ended when it is evaluated"
        return Trouble("context", scope.hidden[parts[1].name], root.start, parts[-1].end, hint)
    return _declared(parts, scope)


def _declared(parts: Sequence[Part], scope: Scope) -> tuple[Type, int] | Trouble:
    for count in range(len(parts), 1, -1):
        symbol = scope.table.get(dotted(parts[:count]))
        if symbol is not None:
            if count < len(parts) and symbol.closed and symbol.known.properties is None:
                return _missing(parts, count, scope)
            return symbol.known, count
    for count in range(1, len(parts)):
        if parts[count].name not in _children(scope, dotted(parts[:count])):
            return _missing(parts, count, scope)
    return _no_value(parts, scope)


def _stranger(part: Part, scope: Scope) -> Trouble:
    own = [path for path in scope.table if "." not in path]  # the variable of a `for_each`
    known = [*scope.roots, *own]
    if part.name == "item" and own:
        message = f"the item is not called `item` here, but `{own[0]}`"
        hint = f"its name stands under `as`: did you mean `{own[0]}`?"
        return Trouble(
            "unknown", message, part.start, part.end, hint, Change(part.start, part.end, own[0], certain=True)
        )
    hint = _ELSEWHERE.get(part.name) or did_you_mean(part.name, known)
    near = [] if part.name in _ELSEWHERE else nearest(part.name, known)
    change = Change(part.start, part.end, near[0], certain(part.name, known)) if near else None
    fallback = f"an expression may use {listed(known, 'and')}; text stands in quotes"
    return Trouble("unknown", f"`{part.name}` is not known", part.start, part.end, hint or fallback, change)


# ---------------------------------------------------------------- properties


def property_of(kind: Type, part: Part, shown: str) -> Type | Trouble:
    """The type of `shown.part`, for a value of that type."""
    if kind.kind == "any":
        return ANY
    if kind.kind != "object":
        return Trouble(
            "type", f"{kind} has no properties, so no `{part.name}`", part.start, part.end, _instead(kind, part)
        )
    declared = kind.properties or {}
    if part.name in declared:
        return declared[part.name]
    if kind.closed:
        return wrong_word("unknown", f"`{shown}` has no property `{part.name}`", part, declared)
    return kind.item or ANY


def _instead(kind: Type, part: Part) -> str:
    if part.name in ("length", "size", "count", "len"):
        return "its length is size(x)"
    if kind.kind == "list":
        return "take one of its items: x[0], or something of each: x.map(item, item.name)"
    return "a secret is opaque: hand it on whole, in `env` or `stdin`" if kind.kind == "secret" else ""
