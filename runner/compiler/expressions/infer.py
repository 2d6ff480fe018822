"""The type of an expression, part by part, with everything that is wrong on the way.

A condition is understood as well: behind `x == 'a' && …` the value `x` is `a`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from runner.compiler.expressions import calls, choosing, operators
from runner.compiler.expressions.facts import Facts, learned
from runner.compiler.expressions.names import Part, chain, dotted, find, property_of
from runner.compiler.expressions.symbols import Scope
from runner.compiler.expressions.tree import (
    Binary,
    Call,
    Choice,
    Index,
    Items,
    Literal,
    Logic,
    Name,
    Pairs,
    Select,
    Tree,
    Unary,
)
from runner.compiler.expressions.trouble import Trouble, TroubleKind
from runner.compiler.expressions.types import ANY, BYTES, UINT, Type, list_of, of_value, union
from runner.compiler.expressions.walker import boolean, truth

_OPEN = {"any", "null"}


class Inference:
    """One expression under examination. `troubles` fills while the tree is walked."""

    def __init__(self, text: str, scope: Scope) -> None:
        """`text` is the expression, for messages."""
        self.text = text
        self.scope = scope
        self.troubles: list[Trouble] = []
        self.variables: dict[str, Type] = {}
        self.facts = scope.given
        self._doubted: set[str] = set()
        self._declared: dict[int, Type] = {}
        self._quiet = 0

    # ------------------------------------------------------------ telling

    def tell(self, kind: TroubleKind, message: str, tree: Tree, hint: str = "") -> None:
        """Note a trouble with a part of the expression."""
        self.add(Trouble(kind, message, tree.start, tree.end, hint))

    def add(self, trouble: Trouble) -> None:
        """Note a trouble."""
        if not self._quiet and trouble not in self.troubles:
            self.troubles.append(trouble)

    def shown(self, tree: Tree) -> str:
        """The part as it is written, on one line."""
        return " ".join(self.text[tree.start : tree.end].split())

    # ------------------------------------------------------------ what holds here

    def learn(self, tree: Tree, value: bool) -> None:
        """From here on the condition is known to be true, or false."""
        self.facts = learned(self, tree, value)

    @contextmanager
    def supposing(self, tree: Tree, value: bool) -> Iterator[None]:
        """Inside the block the condition is known to be true, or false."""
        before = self.facts
        self.learn(tree, value)
        try:
            yield
        finally:
            self.facts = before

    @contextmanager
    def anywhere(self) -> Iterator[None]:
        """Inside the block nothing is known but what is declared, and nothing is told."""
        before, self.facts = self.facts, Facts()
        self._quiet += 1
        try:
            yield
        finally:
            self.facts = before
            self._quiet -= 1

    @contextmanager
    def asking(self, tree: Tree) -> Iterator[None]:
        """Inside the block the name is asked for, so it need not have a value."""
        before = self.facts
        parts = chain(tree)
        if parts is not None:
            self.facts = replace(before, there=before.there | {dotted(parts)})
        try:
            yield
        finally:
            self.facts = before

    def quietly(self, tree: Tree) -> Type:
        """The type of a part that is told about elsewhere."""
        self._quiet += 1
        try:
            return self.type(tree)
        finally:
            self._quiet -= 1

    def declared(self, tree: Tree) -> Type:
        """The type of a part by its declaration alone, whatever is known here."""
        found = self._declared.get(id(tree))
        if found is None:
            with self.anywhere():
                found = self._declared[id(tree)] = self.type(tree)
        return found

    # ------------------------------------------------------------ the walk

    def type(self, tree: Tree) -> Type:
        """The type of a part; its troubles are noted."""
        match tree:
            case Name():
                return self._named([Part(tree.name, tree.start, tree.end)])
            case Select():
                return self._selected(tree)
            case Logic():
                return self._logic(tree)
            case Choice():
                return self._choice(tree)
            case Call():
                return calls.called(self, tree)
            case Unary() | Binary() | Index():
                return operators.operation(self, tree)
            case _:
                return self._written(tree)

    def _written(self, tree: Literal | Items | Pairs) -> Type:
        """A value that stands in the expression itself."""
        if isinstance(tree, Items):
            return list_of(union([self.type(item) for item in tree.items]))
        return _literal(tree) if isinstance(tree, Literal) else self._pairs(tree)

    def _selected(self, tree: Select) -> Type:
        parts = chain(tree)
        if parts is not None:
            return self._named(parts)
        return self._below(self.type(tree.of), [Part(tree.name, tree.at, tree.end)], self.shown(tree.of))

    def _named(self, parts: list[Part]) -> Type:
        path = dotted(parts)
        known = self.facts.types.get(path)
        if known is not None and parts[0].name not in self.variables:
            return known
        own = self.variables.get(parts[0].name)
        if own is not None:
            return self._below(own, parts[1:], parts[0].name)
        found = find(parts, self.scope)
        if isinstance(found, Trouble):
            self.add(found)
            return ANY
        self._doubt(parts)
        kind, count = found
        return self._below(kind, parts[count:], dotted(parts[:count]))

    def _below(self, kind: Type, parts: list[Part], shown: str) -> Type:
        for part in parts:
            found = property_of(kind, part, shown)
            if isinstance(found, Trouble):
                self.add(found)
                return ANY
            kind, shown = found, f"{shown}.{part.name}"
        return kind

    def _doubt(self, parts: list[Part]) -> None:
        """Outputs of a step that may have none, unless it was asked whether it succeeded."""
        words = [part.name for part in parts[:4]]
        if words[0] == "matrix":
            self._doubt_key(parts)
        if len(words) < 4 or words[0] != "steps" or words[2] != "outputs" or words[1] not in self.scope.doubts:
            return
        step = words[1]
        if step in self._doubted or self._sure(step) or any(path in self.facts.there for path in _beginnings(parts)):
            return
        if not self._quiet:
            self._doubted.add(step)
        hint = f"ask first: steps.{step}.state == 'succeeded' ? {dotted(parts)} : …"
        message = f"`{dotted(parts)}` may not be there: {self.scope.doubts[step]}"
        self.add(Trouble("skipped", message, parts[0].start, parts[-1].end, hint))

    def _doubt_key(self, parts: list[Part]) -> None:
        """A name under `matrix` that some legs do not have, unless it was asked for."""
        name = dotted(parts[:2])
        if name in self.scope.doubts and name not in self.facts.there:
            hint = f"ask first: has({name}) ? {name} : …, or give it to every leg"
            message = f"`{name}` may not be there: {self.scope.doubts[name]}"
            self.add(Trouble("unknown", message, parts[0].start, parts[-1].end, hint))

    def _sure(self, step: str) -> bool:
        """Whether it is known here that the step succeeded."""
        succeeded = (
            path.split(".")[1]
            for path, kind in self.facts.types.items()
            if path.startswith("steps.") and path.endswith(".state") and kind.values == ("succeeded",)
        )
        return any(step == one or step in self.scope.follows.get(one, ()) for one in succeeded)

    def condition(self, tree: Tree, what: str) -> bool | None:
        """A part that must be true or false; whether it is known which."""
        kind = self.type(tree)
        if kind.kind not in ("boolean", "any"):
            hint = "compare it: a == b, a > 0, size(a) > 0"
            self.tell("type", f"{what} must be true or false, `{self.shown(tree)}` is {kind}", tree, hint)
        return truth(kind)

    def _logic(self, tree: Logic) -> Type:
        chosen = choosing.chosen(self, tree)
        if chosen is not None:
            return chosen
        decisive = tree.operator == "||"
        before, told = self.facts, len(self.troubles)
        found: bool | None = not decisive
        for operand in tree.operands:
            value = self.condition(operand, f"what stands beside `{tree.operator}`")
            if value is decisive:
                found = decisive
            elif value is None and found is not decisive:
                found = None
            self.learn(operand, not decisive)
        self.facts = before
        if found is decisive and len(self.troubles) == told:
            self.constant(tree, decisive)
        return boolean(found)

    def _choice(self, tree: Choice) -> Type:
        told = len(self.troubles)
        value = self.condition(tree.condition, "what stands before `?`")
        if value is not None and len(self.troubles) == told:
            self.constant(tree.condition, value)
        with self.supposing(tree.condition, True):
            then = self.type(tree.then)
        with self.supposing(tree.condition, False):
            otherwise = self.type(tree.otherwise)
        if "secret" in (then.kind, otherwise.kind) and then.kind != otherwise.kind:
            found = then if then.kind == "secret" else otherwise
            return found  # whoever gets it may get the secret
        if (
            then.kind != otherwise.kind
            and not (then.numeric and otherwise.numeric)
            and not _OPEN & {then.kind, otherwise.kind}
        ):
            message = f"both sides of `:` must be of one type: `{self.shown(tree.then)}` is {then}, "
            self.tell("type", message + f"`{self.shown(tree.otherwise)}` is {otherwise}", tree.otherwise)
        return union((then, otherwise))

    def _pairs(self, tree: Pairs) -> Type:
        properties: dict[str, Type] = {}
        for key, value in tree.pairs:
            kind = self.type(key)
            if isinstance(key, Literal) and isinstance(key.value, str):
                properties[key.value] = self.type(value)
            else:
                self.type(value)
                if kind.kind not in ("text", "any"):
                    self.tell("type", f"a key must be text, this is {kind}", key, "write it in quotes")
        return Type("object", properties=properties, closed=len(properties) == len(tree.pairs) > 0)

    def constant(self, tree: Tree, value: bool, why: str = "") -> None:
        """Note a condition whose value is always the same."""
        message = f"`{self.shown(tree)}` is always {'true' if value else 'false'}"
        self.tell("constant", message + (f": {why}" if why else ""), tree)


def _beginnings(parts: list[Part]) -> list[str]:
    return [dotted(parts[:count]) for count in range(3, len(parts) + 1)]


def _literal(tree: Literal) -> Type:
    if tree.kind == "bytes":
        return BYTES
    if tree.kind == "uint":
        return UINT
    found = of_value(tree.value)
    return replace(found, kind="number") if tree.kind == "number" else found
