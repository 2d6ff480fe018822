"""What a spec declares and what it refers to: every place where an id is written, inside expressions too."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from runner.compiler.diagnostic import Span
from runner.compiler.document import Document, Entry, Mapping, Node, Scalar, Sequence
from runner.compiler.expressions.place import locate
from runner.compiler.expressions.scan import pieces, references
from runner.compiler.rules.shell.written import FILE, writing
from runner.compiler.spec.read import text
from runner.editor.analysis import Part, Path

Kind = Literal["step", "sandbox", "agent", "phase", "input", "secret", "template", "output", "param", "axis", "file"]

#: The sections whose keys are ids.
SECTIONS: dict[str, Kind] = {
    "inputs": "input",
    "secrets": "secret",
    "sandboxes": "sandbox",
    "agents": "agent",
    "templates": "template",
    "phases": "phase",
    "steps": "step",
}
#: What the key of a step names.
STEP_KEYS: dict[str, Kind] = {
    "after": "step",
    "sandbox": "sandbox",
    "agent": "agent",
    "owner": "agent",
    "phase": "phase",
    "use": "template",
    "workflow": "file",
}
#: Keys whose text is an expression as a whole.
BARE = ("if", "when", "until", "accept")
#: What stands before the name of a template that owns an output.
IN_TEMPLATE = "templates."
_MOST_TEMPLATES = 16  # that use each other
_ROOTS: dict[str, Kind] = {"inputs": "input", "secrets": "secret", "steps": "step"}


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An id where it is written. `home` is the document that declares it: that of a child for its inputs and outputs.

    `owner` is the step, template or place that an output, a parameter or an axis belongs to, else empty; `whole` is the
    value or key that it is all of, None inside an expression.
    """

    kind: Kind
    name: str
    span: Span
    home: Document
    declares: bool = False
    owner: str = ""
    whole: Scalar | None = None

    @property
    def thing(self) -> tuple[Kind, str, str, str, int]:
        """What is meant, equal for all places that mean the same, in whatever file."""
        return self.kind, self.owner, self.name, posixpath.normpath(self.home.path), self.home.first_line


def referred(path: Path) -> Kind | None:
    """What the text at a path names, if it names something."""
    match path:
        case ("steps", _, key, *_) | ("on_failure" | "finally", key, *_) | ("templates", _, "step", key, *_):
            rest = path[path.index(key) + 1 :]
            return STEP_KEYS.get(str(key)) if not rest or (key == "after" and len(rest) == 1) else None
        case ("defaults", "sandbox") | ("agents", _, "sandbox"):
            return "sandbox"
        case ("tests", _, "faults", _, "step"):
            return "step"
        case ("milestones", _, "needs") | ("milestones", _, "needs", _):
            return "step"
        case ("milestones" | "risks", _, "owner"):
            return "agent"
    return None


def _named_keys(path: Path) -> Kind | None:
    """What the keys of the map at a path name."""
    match path:
        case (str(section),) if section in SECTIONS:
            return SECTIONS[section]
        case ("schedules" | "triggers" | "tests", _, "inputs"):
            return "input"
        case ("tests", _, "expect", "steps") | ("tests", _, "stubs"):
            return "step"
    return None


@lru_cache(maxsize=8)
def occurrences(part: Part) -> list[Occurrence]:
    """Every id of a document, each place once, in the order of the text."""
    found = {one.span: one for one in _walk(part, (), part.root, None)}
    return sorted(found.values(), key=lambda one: one.span)


def _walk(part: Part, path: Path, node: Node, key: Scalar | None) -> Iterator[Occurrence]:
    if isinstance(node, Mapping):
        kind = _named_keys(path)
        for name, entry in node.entries.items():
            if kind is not None:
                declares = len(path) == 1
                yield Occurrence(kind, name, entry.key.span, part.document, declares=declares, whole=entry.key)
            yield from _inner(part, path, name, entry)
            yield from _walk(part, (*path, name), entry.value, entry.key)
    elif isinstance(node, Sequence):
        for number, item in enumerate(node.items):
            yield from _walk(part, (*path, number), item, key)
    elif isinstance(node.value, str):
        yield from _text(part, path, node)


def _inner(part: Part, path: Path, name: str, entry: Entry) -> Iterator[Occurrence]:
    """Names that are declared inside a step or a template, and those that are given values there."""
    key, home = entry.key, part.document
    match path:
        case ("outputs",):
            yield Occurrence("output", name, key.span, home, declares=True, whole=key)
        case (
            ("steps", str(step), "outputs")
            | ("steps", str(step), "returns", "properties")
            | ("steps", str(step), "approve", "form")
        ):
            yield Occurrence("output", name, key.span, home, declares=True, owner=step, whole=key)
        case ("templates", str(used), "step", "outputs") | ("templates", str(used), "step", "returns", "properties"):
            yield Occurrence("output", name, key.span, home, declares=True, owner=IN_TEMPLATE + used, whole=key)
        case ("tests", _, "stubs", str(step), "outputs") | ("tests", _, "expect", "steps", str(step), "outputs"):
            yield _output(part, step, name, key.span, key)
        case ("steps", str(step), "matrix") if name not in ("include", "exclude", "max_parallel", "fail_fast"):
            yield Occurrence("axis", name, key.span, home, declares=True, owner=step, whole=key)
        case ("steps", str(step), "matrix", "include" | "exclude" as rows, int()):
            # A row that is included may have an axis of its own.
            new = rows == "include" and part.node((*path[:3], name)) is None
            yield Occurrence("axis", name, key.span, home, declares=new, owner=step, whole=key)
        case ("templates", str(template), "params"):
            yield Occurrence("param", name, key.span, home, declares=True, owner=template, whole=key)
        case (*step_path, "with") if template := text(part.node((*step_path, "use"))):
            yield Occurrence("param", name, key.span, home, owner=template, whole=key)
        case (*step_path, "with") if child := part.child(tuple(step_path)):
            yield Occurrence("input", name, key.span, child.document, whole=key)


def _output(part: Part, step: str, name: str, span: Span, whole: Scalar | None = None) -> Occurrence:
    """An output of a step; of one that runs another workflow it is that workflow's, or it is its template's."""
    path: Path = ("steps", step)
    owner = step
    for _ in range(_MOST_TEMPLATES):
        child, used = part.child(path), text(part.node((*path, "use")))
        if child is not None:
            return Occurrence("output", name, span, child.document, whole=whole)
        if not used or part.node((*path, "outputs", name)) is not None:
            break
        path, owner = ("templates", used, "step"), IN_TEMPLATE + used
    return Occurrence("output", name, span, part.document, owner=owner, whole=whole)


def _text(part: Part, path: Path, node: Scalar) -> Iterator[Occurrence]:
    kind = referred(path)
    value = str(node.value)
    if kind is not None and "${{" not in value:
        yield Occurrence(kind, value, node.span, part.document, whole=node)
        return
    match path:
        case ("steps", str(step), "returns", "required", int()):
            yield Occurrence("output", value, node.span, part.document, owner=step, whole=node)
            return
        case ("templates", str(used), "step", "returns", "required", int()):
            yield Occurrence("output", value, node.span, part.document, owner=IN_TEMPLATE + used, whole=node)
            return
    yield from _written(part, path, node)
    names = [name for name in path if isinstance(name, str)]
    bare = bool(names) and names[-1] in BARE
    for piece in pieces(value) if not bare else ():
        if piece.is_expression:
            yield from _expression(part, path, node, piece.text, piece.start)
    if bare:
        yield from _expression(part, path, node, value, 0)


def _written(part: Part, path: Path, node: Scalar) -> Iterator[Occurrence]:
    """The outputs that the commands of a step write."""
    match path:
        case ("steps", str(step), "run"):
            owner = step
        case ("templates", str(used), "step", "run"):
            owner = IN_TEMPLATE + used
        case _:
            return
    for one in writing(str(node.value)).names if FILE in str(node.value) else ():
        span = locate(part.document, node, one.start, one.end)
        yield Occurrence("output", one.name, span, part.document, owner=owner)


def _expression(part: Part, path: Path, node: Scalar, written: str, start: int) -> Iterator[Occurrence]:
    for reference in references(written):
        parts = list(_parts(written[reference.start : reference.end], reference.start))
        if len(parts) < 2:
            continue
        root, (name, at) = parts[0][0], parts[1]
        owner = str(path[1]) if len(path) > 1 and path[0] in ("steps", "templates") else ""

        def span(at: int, word: str) -> Span:
            return locate(part.document, node, start + at, start + at + len(word))

        if root in _ROOTS:
            yield Occurrence(_ROOTS[root], name, span(at, name), part.document)
        elif root in ("matrix", "params"):
            kind: Kind = "axis" if root == "matrix" else "param"
            yield Occurrence(kind, name, span(at, name), part.document, owner=owner)
        elif root == "outputs" and path[0] == "steps":
            yield _output(part, owner, name, span(at, name))
        if root == "steps" and len(parts) > 3 and parts[2][0] == "outputs":
            output, place = parts[3]
            yield _output(part, name, output, span(place, output))


def _parts(dotted: str, start: int) -> Iterator[tuple[str, int]]:
    """The words between the dots, each with its place."""
    at = start
    for word in dotted.split("."):
        stripped = word.strip()
        yield stripped, at + word.index(stripped)
        at += len(word) + 1


def at_place(found: list[Occurrence], line: int, column: int) -> Occurrence | None:
    """The innermost occurrence at a place; the end of a word counts too."""
    hits = [
        one
        for one in found
        if (one.span.line, one.span.column) <= (line, column) <= (one.span.end_line, one.span.end_column)
    ]
    return min(hits, key=lambda one: one.span.end_column - one.span.column, default=None)
