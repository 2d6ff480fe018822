"""The types of calls: functions, methods, and the macros that look at each item of a list."""

from __future__ import annotations

from runner.compiler.expressions.signatures import (
    ELSEWHERE,
    HABITS,
    MACROS,
    Signature,
    common,
    fits,
    signatures,
)
from runner.compiler.expressions.tree import Call, Name, Select, Tree, number_of
from runner.compiler.expressions.trouble import Change, Trouble
from runner.compiler.expressions.types import ANY, BOOLEAN, INTEGER, TEXT, Type, list_of, union
from runner.compiler.expressions.walker import Walker
from runner.compiler.suggest import nearest

_LIBRARIES = ("math", "strings")


def called(walk: Walker, tree: Call) -> Type:
    """What a call gives; its troubles are noted."""
    if tree.of is None:
        if tree.name == "has":
            return _has(walk, tree)
        return _function(walk, tree, tree.name, tree.args)
    if isinstance(tree.of, Name) and tree.of.name in _LIBRARIES and tree.of.name not in walk.variables:
        return _function(walk, tree, f"{tree.of.name}.{tree.name}", tree.args)
    if tree.name in MACROS:
        return _macro(walk, tree, tree.of)
    return _function(walk, tree, f".{tree.name}", [tree.of, *tree.args])


def _has(walk: Walker, tree: Call) -> Type:
    if len(tree.args) != 1 or not isinstance(tree.args[0], Select):
        walk.tell("type", "`has` asks for one property: has(x.name)", tree, "whether a list has items: size(x) > 0")
        return BOOLEAN
    with walk.asking(tree.args[0]):
        walk.type(tree.args[0])
    return BOOLEAN


# ---------------------------------------------------------------- macros


def _macro(walk: Walker, tree: Call, whole: Tree) -> Type:
    of = walk.type(whole)
    counts = (2, 3) if tree.name == "map" else (2,)
    if len(tree.args) not in counts or not isinstance(tree.args[0], Name):
        form = f"x.{tree.name}(item, {'item.name' if tree.name == 'map' else 'item > 0'})"
        walk.tell("type", f"`{tree.name}` takes a name for the items and an expression", tree, f"write {form}")
        return ANY
    if of.kind not in ("list", "object", "any"):
        walk.tell("type", f"`{tree.name}` looks at the items of a list, `{walk.shown(whole)}` is {of}", whole)
        return ANY
    item = (of.item or ANY) if of.kind == "list" else TEXT if of.kind == "object" else ANY
    before = walk.variables
    walk.variables = {**before, tree.args[0].name: item}
    try:
        return _each(walk, tree, of)
    finally:
        walk.variables = before


def _each(walk: Walker, tree: Call, of: Type) -> Type:
    last = tree.args[-1]
    if tree.name == "map":
        if len(tree.args) == 3:
            walk.condition(tree.args[1], "the condition of `map`")
        return list_of(walk.type(last))
    walk.condition(last, f"the condition of `{tree.name}`")
    if tree.name != "filter":
        return BOOLEAN
    return of if of.kind == "list" else list_of(TEXT if of.kind == "object" else ANY)


# ---------------------------------------------------------------- functions


def _function(walk: Walker, tree: Call, name: str, args: list[Tree]) -> Type:
    signature = signatures().get(name)
    if signature is None:
        _unknown(walk, tree, name)
        for arg in args[: name.startswith(".")]:  # what the others mean, nobody knows
            walk.type(arg)
        return ANY
    kinds = [walk.type(arg) for arg in args]
    least, most = signature.needed, len(signature.parameters)
    if len(args) < least or (len(args) > most and not signature.many):
        shown = tree.name if signature.method else name
        count = len(args) - signature.method
        wanted = _amount(least - signature.method, most - signature.method, signature.many)
        message = f"`{shown}` takes {wanted}, {count if count else 'none'} {'is' if count == 1 else 'are'} given"
        walk.tell("type", message, tree, f"write {signature.form}")
        return signature.result
    return _checked(walk, signature, tree, args, kinds)


def _amount(least: int, most: int, many: bool) -> str:
    if most == 0:
        return "no arguments"
    if many:
        return f"at least {least} argument{'s' if least > 1 else ''}"
    if least == most:
        return f"{least} argument{'s' if least > 1 else ''}"
    return f"{least} or {most} arguments" if most == least + 1 else f"{least} to {most} arguments"


def _checked(walk: Walker, signature: Signature, tree: Call, args: list[Tree], kinds: list[Type]) -> Type:
    for number, (arg, kind) in enumerate(zip(args, kinds, strict=True)):
        words = signature.parameters[min(number, len(signature.parameters) - 1)]
        if _is_extreme(signature) and kind.kind == "list" and not _numbers(kind, args):
            message = f"`{signature.name}` takes numbers, or one list of numbers"
            walk.tell("type", message, arg, f"write {signature.name}(a, b), or {signature.name}([a, b])")
            continue
        if fits(kind, words):
            continue
        if signature.method and number == 0:
            message = f"`{tree.name}` is called on {_words(words)}, `{walk.shown(arg)}` is {kind}"
        else:
            message = f"`{signature.name.lstrip('.')}` takes {_words(words)} here, `{walk.shown(arg)}` is {kind}"
        walk.tell("type", message, arg, _remedy(kind, words) or f"write {signature.form}")
    if signature.name == "range":
        return _range(args, kinds)
    if signature.name in ("math.abs", "math.sign") and kinds:
        return Type(kinds[0].kind)
    if _is_extreme(signature) and kinds[0].kind == "list":
        kinds = [kinds[0].item or ANY]
    if signature.name == "dyn" or (signature.name.startswith("math.") and signature.result is ANY):
        return union(kinds) if all(kind.numeric for kind in kinds) else ANY
    return signature.result


def _is_extreme(signature: Signature) -> bool:
    return signature.name in ("math.greatest", "math.least")


def _numbers(kind: Type, args: list[Tree]) -> bool:
    """Whether it is a list of numbers, and the only argument."""
    item = kind.item or ANY
    return len(args) == 1 and not item.nullable and (item.numeric or item.kind in ("any", "uint"))


_ARTICLES = {
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean",
    "list": "a list",
    "object": "an object",
    "texts": "a list of texts",
}


def _words(words: tuple[str, ...]) -> str:
    shown = [_ARTICLES.get(word, word) for word in common(words)]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _remedy(kind: Type, words: tuple[str, ...]) -> str:
    if kind.kind == "secret":
        return "a secret is opaque: hand it on whole, in `env` or `stdin`"
    if words == ("texts",) and kind.kind == "list":
        return "make texts of its items: x.map(item, string(item))"
    if "number" in words and kind.kind == "integer":
        return "convert it: double(x)"
    if kind.nullable:
        return "ask first whether it is there: x != null ? … : …"
    if "integer" in words and kind.kind in ("number", "text"):
        return "convert it: int(x)"
    return "convert it: string(x)" if words == ("text",) and kind.kind in ("integer", "number", "boolean") else ""


def _range(args: list[Tree], kinds: list[Type]) -> Type:
    """Numbers from 0, or from the first argument, to before the last one."""
    last = kinds[-1]
    low: float = 0
    if len(args) == 2:
        written = number_of(args[0])
        low = kinds[0].low if written is None else written
    written = number_of(args[-1])
    high = (last.high if written is None else written) - 1
    return list_of(Type("integer", low=low, high=high) if low <= high else INTEGER)


def _unknown(walk: Walker, tree: Call, name: str) -> None:
    """A function that there is not: what is called otherwise, or elsewhere."""
    known = signatures()
    method = name.startswith(".")
    plain = tree.name
    shown = name.lstrip(".")
    hint, meant = HABITS.get(plain, ""), ""
    if not method and f".{plain}" in known:
        hint = f"it is called on a value: {known[f'.{plain}'].form}"
    elif not method and plain in MACROS:
        hint = f"it is called on a list: x.{plain}(item, …)"
    elif method and plain in known:
        hint = f"it is no method: write {known[plain].form}"
    elif not hint:
        meant = _meant(plain, name, method)
        hint = f"did you mean `{meant.lstrip('.')}`?" if meant else ""
    message = f"there is no {'method' if method else 'function'} `{shown}`"
    same_form = bool(meant) and meant.startswith(".") == method and "." not in meant.lstrip(".")
    change = Change(tree.at, tree.at + len(plain), meant.lstrip(".")) if same_form and shown == plain else None
    fallback = "functions are CEL's own, its string and math extensions, range and hash"
    walk.add(Trouble("unknown", message, tree.at, tree.at + len(plain), hint or fallback, change))


def _meant(plain: str, name: str, method: bool) -> str:
    known = [*signatures(), *(f".{macro}" for macro in MACROS), "has"]
    if plain in ELSEWHERE:
        target = ELSEWHERE[plain]
        return f".{target}" if f".{target}" in known and (method or target not in known) else target
    same = [one for one in known if one.startswith(".") == method]
    near = nearest(name, same) or nearest(plain, [one.lstrip(".") for one in known])
    return near[0] if near else ""
