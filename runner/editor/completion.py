"""What may stand at a place: keys, values, ids, and names inside expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass

from runner.compiler.document import Mapping, Node
from runner.compiler.expressions.symbols import Scope
from runner.compiler.plan.choose import runtimes
from runner.compiler.rules.agents.tools import TOOLS
from runner.compiler.shape.keys import KINDS
from runner.compiler.shape.words import flow
from runner.compiler.spec.read import text
from runner.editor.about import about
from runner.editor.analysis import Analysis, Part, Path
from runner.editor.cursor import Cursor, cursor
from runner.editor.expressions import in_text, names_after, values_after
from runner.editor.language import as_yaml, describe, keys_at, schema_at, snippet, values_at
from runner.editor.names import BARE, SECTIONS, referred
from runner.editor.tree import holds


@dataclass(frozen=True, slots=True)
class Item:
    """One proposal: `insert` replaces the last `replaces` characters; in a snippet `$0` is for the cursor."""

    label: str
    kind: str  # key, value, id, name, function
    insert: str
    replaces: int
    detail: str = ""
    note: str = ""
    is_snippet: bool = False


def complete(analysis: Analysis, line: int, column: int, files: Callable[[], Sequence[str]] = tuple) -> list[Item]:
    """What may stand at a place. `files` gives the paths of other specs, relative to this one."""
    at = cursor(analysis.text, line, column)
    if at.comment:
        return []
    part = analysis.known(line)
    expression = at.word if _is_bare(at) else at.expression
    if expression is not None:
        return list(_in_expression(part, at, expression))
    if at.block:
        return []
    found = [] if at.is_key else list(_values(part, at, files))
    if found or at.quote:
        return found
    written = analysis.lines[line - 1] if line <= len(analysis.lines) else ""
    own, merged = _entries(analysis.part(line).node(at.path))
    return list(_keys(part, at, (at.seen | own) - {at.word}, merged, written))


def _entries(node: Node | None) -> tuple[set[str], set[str]]:
    """The keys of a map that are written in it, and those that it has by a merge: these may be written anew."""
    if not isinstance(node, Mapping):
        return set(), set()
    own = {name for name, entry in node.entries.items() if holds(node.span, entry.key.span.line, entry.key.span.column)}
    return own, node.entries.keys() - own


def _is_bare(at: Cursor) -> bool:
    names = [name for name in at.path if isinstance(name, str)]
    return not at.is_key and bool(names) and names[-1] in BARE


def _in_expression(part: Part, at: Cursor, written: str) -> Iterator[Item]:
    """The values of what is compared, then names; inside of quotes values alone."""
    scope = part.scope(at.path)
    word, quote, values = values_after(written, scope)
    mark = "" if quote else '"' if at.quote == "'" else "'"
    for value in values:
        yield Item(f"{mark}{value}{mark}", "value", f"{mark}{value}{mark}", len(word))
    if not in_text(written):
        yield from _names(scope, written)


def _names(scope: Scope, written: str) -> Iterator[Item]:
    word, names = names_after(written, scope)
    for one in names:
        call = one.kind == "function"
        yield Item(
            one.name,
            "function" if call else "name",
            f"{one.name}($0)" if call else one.name,
            len(word),
            one.detail,
            one.note,
            is_snippet=call,
        )


def _values(part: Part, at: Cursor, files: Callable[[], Sequence[str]]) -> Iterator[Item]:
    kind = referred(at.path)
    size = len(at.word)
    if kind == "file":
        yield from (Item(name, "value", name, size) for name in files())
        return
    section = next((name for name, declared in SECTIONS.items() if declared == kind), "")
    declared = part.root.get(section)
    if isinstance(declared, Mapping):
        own = str(at.path[1]) if kind == "step" and len(at.path) > 1 and at.path[0] == "steps" else ""
        for id_ in declared.entries:
            if id_ != own:
                yield Item(id_, "id", id_, size, str(kind), about(part, kind, id_) if kind else "")
        return
    for value, what in values_at(at.path) or _known_values(part, at.path):
        yield Item(flow(value), "value", flow(value) if at.quote else as_yaml(value), size, "", what)


def _known_values(part: Part, path: Path) -> list[tuple[object, str]]:
    """Values that the language's description leaves open, and this runner or the spec itself knows."""
    match path:
        case ("sandboxes", _, "needs", "runtime"):
            return [(name, "") for name in runtimes()]
        case ("agents", _, "tools", *_) | (*_, "tool", "name"):
            return [(name, "") for name in TOOLS]
        case ("schedules" | "triggers" | "tests", _, "inputs", str(name)):
            return _of_input(part, name)
        case (*step, "with", str(name)) if child := part.child(tuple(step)):
            return _of_input(child, name)
    return []


def _of_input(part: Part, name: str) -> list[tuple[object, str]]:
    declared = part.workflow.inputs.get(name)
    schema = declared.plain if declared is not None else {}
    values = schema.get("enum", [True, False] if schema.get("type") == "boolean" else [])
    said = str(schema.get("description", ""))
    return [(value, said) for value in values] if isinstance(values, list) else []


def _keys(part: Part, at: Cursor, present: Set[str], merged: Set[str], line: str) -> Iterator[Item]:
    size = len(at.word)
    # Editors add the indentation of the line themselves; the key behind a dash stands two columns further.
    deeper = "  " if line.lstrip().startswith("- ") else ""
    without = _without_effect(at.path, present | merged) - merged
    for name, schema in keys_at(at.path).items():
        if name in present or name in without:
            continue
        written = f"{name}: $0" if at.flow else snippet(name, schema, deeper)
        yield Item(name, "key", written, size, str(schema.get("title", "")), describe(name, schema), is_snippet=True)
    for name, note in _given(part, at.path):
        if name not in present:
            yield Item(name, "key", f"{name}: $0", size, "", note, is_snippet=True)


def _without_effect(path: Path, present: Set[str]) -> set[str]:
    """Keys that would say nothing, or something else, beside those that are there."""
    schema = schema_at(path) or {}
    without: set[str] = set()
    for key, rule in schema.get("dependentSchemas", {}).items():
        if key in present:
            without |= {name for name, inner in rule.get("properties", {}).items() if inner is False}
    if "run" in schema.get("properties", {}) and not present.isdisjoint(KINDS):
        without |= set(KINDS)
    return without


def _given(part: Part, path: Path) -> Iterator[tuple[str, str]]:
    """Names that are given values at a path: parameters of a template, inputs."""
    match path:
        case (*step, "with"):
            child, used = part.child(tuple(step)), text(part.node((*step, "use")))
            if child is not None:
                yield from ((name, about(child, "input", name)) for name in child.workflow.inputs)
            template = part.workflow.templates.get(used)
            params = template.plain.get("params") if template else None
            yield from (
                (name, about(part, "param", name, used)) for name in (params if isinstance(params, dict) else ())
            )
        case ("steps", str(id_), "matrix", "include" | "exclude", int()):
            step_spec = part.workflow.steps.get(id_)
            yield from ((name, "") for name in (step_spec.matrix.axes if step_spec and step_spec.matrix else ()))
        case ("tests", _, "expect", "steps"):
            yield from ((step.id, about(part, "step", step.id)) for step in part.workflow.all_steps)
        case ("tests", _, "stubs"):
            yield from ((name, about(part, "step", name)) for name in part.workflow.steps)
        case ("schedules" | "triggers" | "tests", _, "inputs"):
            yield from ((name, about(part, "input", name)) for name in part.workflow.inputs)
