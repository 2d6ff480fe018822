"""Sentences about keys: unknown, missing, without effect, too many kinds."""

from __future__ import annotations

from collections.abc import Callable

from runner.compiler.diagnostic import Fix, Related, Span, error
from runner.compiler.document import Mapping, Node, Scalar
from runner.compiler.document.limits import DEFAULT_LIMITS
from runner.compiler.shape.literals import likely
from runner.compiler.shape.places import Finding, Site
from runner.compiler.shape.validator import Schema, Violation, reason, workflow_schema
from runner.compiler.shape.words import NO_BREAK, RULES, keys_listed, shown
from runner.compiler.suggest import certain, listed, nearest

KINDS = ("run", "script", "agent", "tool", "approve", "workflow", "use")
_PROVIDERS = ("e2b", "webcontainer")
_NOT_IN_HOOKS = ("after", "matrix", "for_each", "repeat")
_TYPES_INSIDE = ("items", "additionalProperties")
_INVISIBLE = "a no-break space stands before it: replace it by a plain one"
_BELONGS = {"step": "a step", "top": "the top level of the spec"}


def unknown_keys(violation: Violation, site: Site) -> list[Finding]:
    """Keys that the schema does not know at this place."""
    if "patternProperties" in violation.schema:
        return bad_names(violation, site)
    allowed = list(violation.schema.get("properties", {}))
    free = [key for key in allowed if key not in site.entries]
    if not set(KINDS).isdisjoint(site.entries):
        free = [key for key in free if key not in KINDS]
    vain = _without_effect(violation.schema, site)
    free = [key for key in free if key not in vain]
    return [
        _unknown_key(name, site, violation.schema, allowed, free) for name in violation.data[: DEFAULT_LIMITS.findings]
    ]


def _without_effect(schema: Schema, site: Site) -> set[str]:
    """The keywords that say nothing about the declared type of a value, by the schema's own `if` and `then`."""
    written = site.entries.get("type")
    kind = written.value.value if written is not None and isinstance(written.value, Scalar) else None
    branches = [branch for branch in schema.get("allOf", ()) if kind is not None and "if" in branch]
    meant = [one["then"] for one in branches if kind in one["if"]["properties"].get("type", {}).get("enum", ())]
    return {key for then in meant for key, allowed in then["properties"].items() if allowed is False}


def _unknown_key(name: str, site: Site, schema: Schema, allowed: list[str], free: list[str]) -> Finding:
    span = site.key_span(name)
    from runner.compiler.shape.elsewhere import translate  # a large table that good specs never need

    translation = translate(name, site, allowed, free)
    close = nearest(name, free, 3)
    message = f"{site.map_label} has no key `{shown(name)}`"
    plain = name.replace(NO_BREAK, " ").strip()
    if plain in free:
        fix = Fix("take the no-break space away", span, plain)
        return Finding(error("unknown-key", message, span, _INVISIBLE, fix=fix), site.path, meant=frozenset([plain]))
    if translation is not None:
        meant = frozenset([translation.meant] if translation.meant else [])
        finding = error("unknown-key", message, span, translation.hint, fix=translation.fix)
        return Finding(finding, site.path, meant=meant)
    if not close:
        unseen = _INVISIBLE if NO_BREAK in name else ""
        below, inside = _below(name, schema, site)
        hint = _elsewhere(name, allowed) or below or unseen or f"allowed here: {keys_listed(free or allowed)}"
        return Finding(error("unknown-key", message, span, hint), site.path, meant=frozenset(inside))
    fix = Fix(f"rename it to `{close[0]}`", span, close[0], safe=certain(name, free))
    hint = f"did you mean `{close[0]}`?"
    return Finding(error("unknown-key", message, span, hint, fix=fix), site.path, meant=frozenset(close))


def _elsewhere(name: str, allowed: list[str]) -> str:
    """Where a key belongs that is right at another place."""
    if name in _PROVIDERS and "runtime" in allowed:
        return "`needs` names no provider; write it into `prefer` of the sandbox"
    if name in _NOT_IN_HOOKS and name not in allowed and "run" in allowed:
        return "remove it: this step runs once, when the steps are done"
    schema = workflow_schema()
    places = {"step": schema["$defs"]["step"]["properties"], "top": schema["properties"]}
    here = {frozenset(properties): place for place, properties in places.items()}.get(frozenset(allowed))
    for place, properties in places.items():
        if place != here and name in properties and here is not None:
            return f"`{name}` is a key of {_BELONGS[place]}; move it there"
    return ""


def _below(name: str, schema: Schema, site: Site) -> tuple[str, list[str]]:
    """The keys beside it that have such a key, and what to write: `runtime` belongs into `needs`."""
    inside = []
    if _is_type(site.entries[name].value) and "properties" in schema.get("properties", {}):
        return f"a property stands below `properties`: write properties: {{{name}: …}}", ["properties"]
    name = name.replace("-", "_")
    for key, part in schema.get("properties", {}).items():
        if key in _TYPES_INSIDE:
            continue
        target = workflow_schema()["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        if name in target.get("properties", {}):
            inside.append(key)
    hint = f"it is a key of {listed(inside, 'and')}: write {inside[0]}: {{{name}: …}}" if inside else ""
    return hint, inside


def _is_type(node: Node) -> bool:
    return isinstance(node, Mapping) and not {"type", "enum", "const"}.isdisjoint(node.entries)


def missing_key(violation: Violation, site: Site) -> list[Finding]:
    """A key that must be there."""
    name = violation.data
    wanted = violation.schema.get("properties", {}).get(name, {})
    examples = wanted.get("examples") or [None]
    like = f"add `{name}: {examples[0]}`" if isinstance(examples[0], str | int) else f"add `{name}`"
    subject = site.map_label
    if violation.schema_path[-3:-1] == ("dependentSchemas", "agent"):
        subject, like = f"{subject} of kind `agent`", "add `prompt: …`: what the agent is asked"
    message = f"{subject} lacks the key `{name}`"
    fix = _first_line(site) if name == "spec" else None
    return [Finding(error("missing-key", message, site.head, like, fix=fix), site.path, frozenset([name]))]


def _first_line(site: Site) -> Fix | None:
    """`spec: 1` above the first key of a spec whose keys stand each on a line of its own."""
    at = site.head
    if site.path or not site.entries or at.column != 1:
        return None
    return Fix("add `spec: 1`", Span(at.path, at.line, 1, at.line, 1), "spec: 1\n")


def one_of_keys(violation: Violation, site: Site) -> list[Finding]:
    """None of several keys of which one must be there."""
    names = [name for branch in violation.schema["anyOf"] for name in branch["required"]]
    message = f"{site.map_label} lacks one of the keys {listed(names)}"
    return [Finding(error("missing-key", message, site.head, f"add {listed(names)}"), site.path, frozenset(names))]


def kinds(violation: Violation, site: Site) -> list[Finding]:
    """A step with no kind, or with several."""
    given = [entry.key for kind, entry in site.entries.items() if kind in KINDS]
    given.sort(key=lambda key: key.span)  # one may come from elsewhere, by a merge
    if not given:
        hint = f"say what it does with one of {listed(KINDS)}"
        if "prompt" in site.entries or "returns" in site.entries:
            hint = "`prompt` and `returns` belong to the kind `agent`: add `agent: NAME`"
        message = f"{site.map_label} has no kind"
        return [Finding(error("kind-missing", message, site.head, hint), site.path, frozenset(KINDS))]
    first, second, *_ = given
    names = listed([key.text for key in given], "and")
    related = (Related(f"`{first.text}` is here", first.span),)
    hint = "make a step of each, the later one with `after`"
    message = f"{site.map_label} has several kinds, {names}; a step has exactly one"
    return [Finding(error("kind-conflict", message, second.span, hint, related), site.path)]


def refused(violation: Violation, site: Site) -> list[Finding]:
    """A key that is known but says nothing here, by the `$comment` of the schema."""
    why = reason(violation.schema_path) or "has no effect here"
    name = site.path[-1] if site.path else ""
    hint = "remove it" if "beside" not in why else "keep one of them"
    if name == "required" and site.path[:1] == ("inputs",):
        hint = "remove it: an input without `default` must be given anyway"
    message = f"`{name}` {why}"
    return [Finding(error("ineffective-key", message, site.head, hint), site.path[:-1])]


def bad_names(violation: Violation, site: Site) -> list[Finding]:
    """Keys that are names of the author's, and not good ones."""
    return [_bad_name(name, violation.schema["title"], site) for name in violation.data[: DEFAULT_LIMITS.findings]]


def mistyped(violation: Violation) -> list[str]:
    """Bad names that are a known key, written in another way: `fail-fast` in a matrix."""
    known = violation.schema.get("known", ())
    return [name for name in violation.data if likely("id", name) in known] if known else []


def _bad_name(name: str, title: str, site: Site) -> Finding:
    span = site.key_span(name)
    better = likely(title, name)
    fix = Fix(f"rename it to `{better}`", span, better, safe=False) if better else None
    hint = f"{RULES[title]}; did you mean `{better}`?" if better else RULES[title]
    what = "the name of an environment variable" if title == "variable" else "an id"
    message = f"`{shown(name)}` cannot be {what}"
    return Finding(error("bad-id", message, span, hint, fix=fix), site.path)


KEY_SENTENCES: dict[str, Callable[[Violation, Site], list[Finding]]] = {
    "additionalProperties": unknown_keys,
    "required": missing_key,
    "anyOf": one_of_keys,
    "oneOf": kinds,
    "falseSchema": refused,
}
