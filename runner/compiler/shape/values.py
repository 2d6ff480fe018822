"""Sentences about values: of the wrong type, not among the allowed ones, out of range, badly written."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Fix, Related, error
from runner.compiler.document import Mapping, Node, Scalar, Sequence, to_json
from runner.compiler.document.lists import removal
from runner.compiler.document.scalars import spelled
from runner.compiler.shape.literals import OLD_BOOLEANS, boolean, likely, number, synonym
from runner.compiler.shape.places import Finding, Site, children
from runner.compiler.shape.validator import Violation
from runner.compiler.shape.words import BAD_PATTERN, NO_BREAK, RULES, expected, flow, found, shown
from runner.compiler.shape.wrapped import by_name, wrapped
from runner.compiler.suggest import certain, listed, nearest

_NO_SPACE = re.compile(r"[a-z_]+:\S")
_LONGEST_EXAMPLE = 80
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


def _one(diagnostic_of: tuple[str, str, str], site: Site, fix: Fix | None = None) -> list[Finding]:
    code, message, hint = diagnostic_of
    return [Finding(error(code, message, site.value_span, hint, fix=fix), site.path[:-1])]


def wrong_type(violation: Violation, site: Site) -> list[Finding]:
    """A value of another type than the schema wants."""
    schema, value = violation.schema, site.value
    types = [schema["type"]] if isinstance(schema.get("type"), str) else list(schema.get("type", []))
    wanted = expected(schema)
    if value is None:
        where = site.map_label
        collection = {"object", "array"} & set(types)
        code = "empty-section" if collection else "wrong-type"
        hint = "remove it, or put something into it" if site.path else "begin with `spec: 1`"
        return _one((code, f"{where} is empty; {wanted} is expected", hint), site)
    hint, fix = _remedy(types, schema, site)
    hint = hint or _example(types, schema, site)
    if types == ["boolean"] and isinstance(site.node, Scalar) and _is_old_boolean(site.node):
        message = f"`{shown(value)}` is a text in YAML 1.2, not a boolean"
        return _one(("yaml11-surprise", message, hint), site, fix)
    return _one(("wrong-type", f"{site.map_label} must be {wanted}, but is {_found(site)}", hint), site, fix)


def _found(site: Site) -> str:
    """What the value is; a number as it is written."""
    node = site.node
    written = isinstance(node, Scalar) and type(node.value) in (int, float) and node.text
    return f"the number `{shown(written)}`" if written else found(site.value)


def _remedy(types: list[str], schema: dict[str, Any], site: Site) -> tuple[str, Fix | None]:
    """What to do about a value of the wrong type, as far as its own text tells."""
    node, title = site.node, schema.get("title", "")
    if not isinstance(node, Scalar) or node.span.line != node.span.end_line:
        return _other_kind(types, title, node), None
    text = node.text
    if "object" in types and NO_BREAK not in text and not _NO_SPACE.match(text):
        made, fix = wrapped(schema, node)
        if made:
            counted = "; the first time counts too" if title == "retry" else ""
            return f"write a map: {made}{counted}", fix
    if node.style and _fits(text, types):
        return "remove the quotes", Fix("remove the quotes", node.span, text)
    right = _meant(node, types)
    if right:
        # A word of YAML 1.1 has one meaning; what else is taken for true or for a number is a guess.
        return f"write `{right}`", Fix(f"write `{right}`", node.span, right, safe=_is_certain(node, types))
    if title in ("duration", "size") and (better := likely(title, text)):
        return f"with its unit: did you mean `{better}`?", Fix(f"write `{better}`", node.span, better, safe=False)
    if "string" in types and "boolean" in types:
        return "write a condition: size(x) > 0", None
    if "string" in types and not isinstance(node.value, str):
        return _as_text(schema, node)
    if types == ["array"] and schema.get("items", {}).get("type") != "object":
        return f"write a list: [{shown(text)}]", Fix("make it a list", node.span, f"[{_written(node)}]", safe=False)
    return "", None


def _as_text(schema: dict[str, Any], node: Scalar) -> tuple[str, Fix | None]:
    """What to do about a number or a boolean where a text is wanted: only a text that is allowed is proposed."""
    words = schema.get("enum") or schema.get("then", {}).get("enum") or [node.text]
    if node.text not in words:
        return f"write {listed(map(shown, words))}", None
    return f'quote it if the text is meant: "{node.text}"', Fix("quote it", node.span, f'"{node.text}"')


def _other_kind(types: list[str], title: str, node: Node) -> str:
    """What to do about a list or a map where the other one, or a text, is wanted."""
    if isinstance(node, Sequence) and types == ["object"]:
        return by_name(node) or "write `key: value` lines instead of `- …` items"
    if isinstance(node, Sequence) and title == "for_each":
        return "write a map, `{items: [a, b]}`, or a `matrix`: its values are known before the run"
    return "write `- …` items instead of `key: value` lines" if isinstance(node, Mapping) and types == ["array"] else ""


def _is_old_boolean(node: Scalar) -> bool:
    return node.style == "" and isinstance(node.value, str) and node.text.lower() in OLD_BOOLEANS


def _meant(node: Scalar, types: list[str]) -> str:
    """The boolean or number that a scalar of another type probably means."""
    if types == ["boolean"]:
        return boolean(node.text)
    if types in (["integer"], ["number"]):
        if isinstance(node.value, float) and node.value.is_integer():
            return str(int(node.value))
        return number(node.text)
    return ""


def _is_certain(node: Scalar, types: list[str]) -> bool:
    return _is_old_boolean(node) if types == ["boolean"] else isinstance(node.value, float) or "_" in node.text


def _example(types: list[str], schema: dict[str, Any], site: Site) -> str:
    """What a map, a text or a number looks like, for a value of another kind."""
    node = site.node
    if "const" in schema:
        return f"this runner knows `{schema['const']}`"
    if types in (["integer"], ["number"]) and schema.get("examples"):
        return f"for example `{schema['examples'][0]}`"
    if types == ["array"] and schema.get("examples"):
        return f"write a list: {flow(schema['examples'][0])}"
    if "string" in types and not {"enum", "title"} & schema.keys() and isinstance(node, Sequence):
        return "write one text; several lines stand below `|`, indented"
    if "object" not in types or not isinstance(node, Scalar):
        return ""
    if NO_BREAK in node.text:
        return "there is a no-break space in it: replace it by a plain one"
    if _NO_SPACE.match(node.text):
        return "write a space after the `:`"
    if schema.get("title") == "output":
        how = f'echo "{site.path[-1]}=…" >> "$RUNNER_OUTPUT"'
        return f"write its type, {{type: string}}; the command writes the value: {how}"
    if site.path[-2:-1] == ("steps",):
        return "say what kind of step it is: {run: …}"
    examples = [flow(example) for example in schema.get("examples", ()) if isinstance(example, dict)]
    return f"write a map: {examples[0]}" if examples and len(examples[0]) <= _LONGEST_EXAMPLE else "write a map"


def _fits(text: str, types: list[str]) -> bool:
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdecimal():
        return bool({"integer", "number"} & set(types))
    return "boolean" in types and text in ("true", "false")


def _written(node: Scalar) -> str:
    return f"{node.style}{node.text}{node.style}" if node.style in ("'", '"') else node.text


def bad_enum(violation: Violation, site: Site) -> list[Finding]:
    """A value that is not among the allowed ones."""
    value, options = site.value, [shown(option) for option in violation.data]
    same = synonym(_name(site), value, options)
    near = same or (nearest(value, options) if isinstance(value, str) else [])
    allowed = f"allowed: {listed(options)}"
    hint = f"did you mean `{near[0]}`? {allowed}" if near else allowed
    sure = bool(same) or certain(str(value), options)
    fix = Fix(f"write `{near[0]}`", site.node.span, spelled(near[0]), sure) if near and _is_plain(site) else None
    return _one(("bad-enum", f"{site.label} cannot be {found(value)}", hint), site, fix)


def _name(site: Site) -> str:
    """The key that the value, or the list that it is in, stands under."""
    return next((part for part in reversed(site.path) if isinstance(part, str)), "")


def _is_plain(site: Site) -> bool:
    return isinstance(site.node, Scalar) and site.node.span.line == site.node.span.end_line


def bad_const(violation: Violation, site: Site) -> list[Finding]:
    """A value other than the only one allowed."""
    message = f"{site.label} cannot be {found(site.value)}"
    hint = f"this runner knows `{shown(violation.data)}`"
    return _one(("bad-enum", message, hint), site)


def bad_pattern(violation: Violation, site: Site) -> list[Finding]:
    """A text that is not written as it must be."""
    title = violation.schema.get("title", "")
    code = BAD_PATTERN.get(title, "bad-id" if title == "id or list of ids" else "bad-pattern")
    hint, fix = RULES.get(title, ""), None
    if "${{" in str(site.value) and "${{" not in hint:
        hint = "no expression is filled in here"
    better = likely(title, site.value)
    if better and better != site.value:
        hint = f"did you mean `{better}`? {hint}"
        fix = Fix(f"write `{better}`", site.node.span, better, safe=False) if _is_plain(site) else None
    message = f"{site.label} must be {expected(violation.schema)}, but is {found(site.value)}"
    return _one((code, message, hint), site, fix)


def bad_number(violation: Violation, site: Site) -> list[Finding]:
    """A number out of its range."""
    message = f"{site.label} is {shown(site.value)}; it must be {_range(violation.schema)}"
    limit = violation.data
    if violation.keyword not in ("minimum", "maximum"):
        return _one(("bad-number", message, ""), site)
    hint = f"write `{limit}` or {'more' if violation.keyword == 'minimum' else 'less'}"
    return _one(("bad-number", message, hint), site, Fix(f"write `{limit}`", site.node.span, str(limit), safe=False))


def _range(schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"from {low} to {high}"
    words = {
        "minimum": "at least",
        "maximum": "at most",
        "exclusiveMinimum": "more than",
        "exclusiveMaximum": "less than",
        "multipleOf": "a multiple of",
    }
    return " and ".join(f"{word} {schema[key]}" for key, word in words.items() if key in schema)


def empty(violation: Violation, site: Site) -> list[Finding]:
    """A map, list or text with nothing in it."""
    message = f"{site.map_label} is empty"
    return _one(("empty-section", message, "remove it, or put something into it"), site)


def repeated(violation: Violation, site: Site) -> list[Finding]:
    """An item that stands in a list twice, where that means nothing."""
    items = children(site.node)
    seen: dict[str, int] = {}
    out: list[Finding] = []
    for index, item in enumerate(items):
        key = repr(_normal(to_json(item)))
        if key in seen:
            first = items[seen[key]]
            related = (Related("the first one is here", first.span),)
            message = f"`{shown(to_json(item))}` is given twice in {site.label}"
            fix = removal(site.node, index, "remove it")
            out.append(Finding(error("duplicate-item", message, item.span, "remove one", related, fix), site.path[:-1]))
        seen.setdefault(key, index)
    return out or unforeseen(violation, site)


def _normal(value: Json) -> Json:
    """Equal values in one form: to the schema `1` and `1.0` are one number."""
    if isinstance(value, dict):
        return {key: _normal(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_normal(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def unforeseen(violation: Violation, site: Site) -> list[Finding]:
    """Whatever else the schema may refuse."""
    message = f"{site.label} breaks the rule `{violation.keyword}` of the schema"
    return _one(("bad-value", message, "see its description: runner schema"), site)


VALUE_SENTENCES: dict[str, Callable[[Violation, Site], list[Finding]]] = {
    "type": wrong_type,
    "enum": bad_enum,
    "const": bad_const,
    "pattern": bad_pattern,
    "minProperties": empty,
    "minItems": empty,
    "minLength": empty,
    "uniqueItems": repeated,
    **dict.fromkeys(_NUMBERS, bad_number),
}
