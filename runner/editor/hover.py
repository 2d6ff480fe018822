"""What stands at a place, explained."""

from __future__ import annotations

from dataclasses import dataclass

from runner.compiler.diagnostic import Span
from runner.compiler.document import Scalar
from runner.compiler.expressions.place import locate
from runner.compiler.expressions.scan import pieces, references
from runner.editor.about import about, about_child
from runner.editor.analysis import Analysis, Part
from runner.editor.expressions import calls, type_of, typed
from runner.editor.language import describe, schema_at
from runner.editor.names import BARE, at_place, occurrences
from runner.editor.tree import Spot, holds, spot


@dataclass(frozen=True, slots=True)
class Hover:
    """An explanation in Markdown, and what it is about."""

    text: str
    span: Span


def hover(analysis: Analysis, line: int, column: int) -> Hover | None:
    """The explanation of what stands at a place, if there is one."""
    part = analysis.part(line)
    found = spot(part.root, line, column)
    if found is None:
        return None
    inside = None if found.is_key else _expression(part, found, line, column)
    return inside or _thing(part, line, column) or (_key(found) if found.is_key else _value(found))


def _expression(part: Part, found: Spot, line: int, column: int) -> Hover | None:
    """The type of the name in an expression, up to the word at the place."""
    node = found.node
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return None
    names = [name for name in found.path if isinstance(name, str)]
    bare = bool(names) and names[-1] in BARE
    texts = [(node.value, 0)] if bare else [(one.text, one.start) for one in pieces(node.value) if one.is_expression]
    for text, start in texts:
        for reference in references(text):
            dots = [at for at in range(reference.start, reference.end) if text[at] == "."]
            for stop in (*dots, reference.end):
                span = locate(part.document, node, start + reference.start, start + stop)
                if holds(span, line, column):
                    return _typed(part, found, "".join(text[reference.start : stop].split()), span)
        for call in calls(text):
            span = locate(part.document, node, start + call.start, start + call.end)
            if holds(span, line, column):
                return Hover(f"`{call.form}`: {typed(call.result)}", span)
    return None


def _typed(part: Part, found: Spot, dotted: str, span: Span) -> Hover | None:
    kind = type_of(dotted, part.scope(found.path))
    words = dotted.split(".")
    more = ""
    if words[0] == "steps" and len(words) == 2:
        more = about(part, "step", words[1])
    elif words[0] in ("inputs", "secrets") and len(words) == 2:
        more = about(part, "input" if words[0] == "inputs" else "secret", words[1])
    elif words[0] == "steps" and len(words) == 4 and words[2] == "outputs":
        more = about(part, "output", words[3], words[1])
    head = f"`{dotted}`: {typed(kind)}" if kind is not None else ""
    text = "\n\n".join(filter(None, (head, more)))
    return Hover(text, span) if text else None


def _thing(part: Part, line: int, column: int) -> Hover | None:
    found = at_place(occurrences(part), line, column)
    if found is not None and found.kind == "file":
        child = part.named(found.name)
        return Hover(about_child(child), found.span) if child is not None else None
    home = Part(found.home, part.family) if found and found.home is not part.document else part
    text = about(home, found.kind, found.name, found.owner) if found else ""
    return Hover(text, found.span) if found and text else None


def _key(found: Spot) -> Hover | None:
    schema = schema_at(found.path)
    return Hover(describe(str(found.path[-1]), schema), found.node.span) if schema else None


def _value(found: Spot) -> Hover | None:
    names = [name for name in found.path if isinstance(name, str)]
    schema = schema_at(found.path)
    if schema is None or not names or found.node.span.line != found.node.span.end_line:
        return None
    return Hover(describe(names[-1], schema), found.node.span)
