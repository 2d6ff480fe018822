"""The workflows that a spec names: those of other files and those of its own, each read, judged and typed once.

What a step of the kind `workflow` runs is a *child*. Between the two are the inputs and outputs of the child alone.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import field
from itertools import takewhile
from typing import Literal

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Diagnostic, Severity
from runner.compiler.document import Document, Mapping, read_all
from runner.compiler.expressions.check import check
from runner.compiler.expressions.scan import pieces, references
from runner.compiler.expressions.symbols import Scope, base_table
from runner.compiler.expressions.types import schema_of
from runner.compiler.spec import At, Named, OutputSpec, Workflow, build
from runner.compiler.spec.read import child as below
from runner.compiler.spec.read import text
from runner.compiler.spec.refer import referred, referred_output
from runner.compiler.suggest import certain, did_you_mean, existing, nearest
from runner.compiler.surroundings import Read, Unreadable
from runner.records import dataclass

#: How deep workflows may run each other.
MOST_LEVELS = 16
_MOST_FILES = 200  # that one spec may name, and those that they name

Judge = Callable[[Document, "Family"], list[Diagnostic]]
_OUTPUT_ROOTS = ("inputs", "run", "steps")
_ABOUT = frozenset({"value", "title", "description", "examples"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a child cannot be run. `better` is what was probably meant, `sure` whether nothing else can have been.

    `errors` are those of the child, `through` is the circle of documents.
    """

    kind: Literal["file", "circle", "errors"]
    message: str
    hint: str = ""
    better: str = ""
    errors: tuple[Diagnostic, ...] = ()
    through: tuple[Document, ...] = ()
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Child:
    """A workflow that a step runs, what it hands on, and why it cannot be run, if so."""

    document: Document
    outputs: dict[str, OutputSpec] = field(default_factory=dict)
    trouble: Trouble | None = None


class Family:
    """The documents of one file and of those that they name. Nothing is read before it is asked for."""

    def __init__(self, documents: Sequence[Document], read: Read | None, judge: Judge) -> None:
        self._read, self._judge = read, judge
        self._files: dict[str, list[Document] | Unreadable] = {_normal(documents[0].path): list(documents)}
        self._workflows: dict[int, Workflow] = {}
        self._names: dict[int, list[str]] = {}
        self._below: dict[int, list[Document]] = {}
        self._deep: dict[int, bool] = {}
        self._children: dict[tuple[int, str], Child | Trouble | None] = {}

    def before(self, document: Document) -> list[Document]:
        """The documents above `document` in its file."""
        return list(takewhile(lambda one: one is not document, self._siblings(document)))

    def _siblings(self, document: Document) -> list[Document]:
        found = self._files.get(_normal(document.path))
        return found if isinstance(found, list) else [document]

    def workflow(self, document: Document) -> Workflow:
        """The workflow of a document; the steps that run another one have its outputs."""
        found = self._workflows.get(id(document))
        if found is None:
            found = self._workflows[id(document)] = build(document, lambda name: self._outputs(document, name))
        return found

    def child(self, document: Document, name: str) -> Child | Trouble | None:
        """The workflow that `name` means in a step of `document`; None where nobody can look."""
        key = id(document), name
        if key not in self._children:
            self._children[key] = None  # while it is looked at; circles are found without it
            self._children[key] = self._child(document, name)
        return self._children[key]

    def _outputs(self, document: Document, name: str) -> dict[str, OutputSpec] | None:
        found = self.child(document, name)
        return found.outputs if isinstance(found, Child) and found.trouble is None else None

    def _child(self, document: Document, name: str) -> Child | Trouble | None:
        found = self._find(document, name)
        if not isinstance(found, Document):
            return found
        trouble = self._circle(document, found) or self._depth(found) or self._errors(found, name)
        return Child(found, {} if trouble else self._interface(found), trouble)

    # -- files

    def _find(self, document: Document, name: str) -> Document | Trouble | None:
        path, mark, wanted = name.partition("#")
        if not name or posixpath.isabs(path):
            hint = "name it relative to the folder of this file"
            return Trouble("file", f"`{name}` is absolute" if name else "the path is empty", hint)
        whole = locate(document.path, path)
        documents = self._documents(whole)
        if documents is None:
            return None
        if isinstance(documents, Unreadable):
            return Trouble(
                "file", f"`{path}` cannot be read: {documents.reason}", "correct the path, or write that spec"
            )
        return _chosen(documents, path, wanted if mark else None)

    def _documents(self, path: str) -> list[Document] | Unreadable | None:
        key = _normal(path)
        if key not in self._files:
            if self._read is None:
                return None
            if len(self._files) >= _MOST_FILES:
                return Unreadable(f"more than {_MOST_FILES} files are named")
            data = self._read(key)
            self._files[key] = data if isinstance(data, Unreadable) else read_all(data, key)
        return self._files[key]

    # -- what is wrong with a child

    def named(self, document: Document) -> list[str]:
        """What the steps of a document name, without looking there."""
        found = self._names.get(id(document))
        if found is None:
            steps = build(document).every_step
            found = [text(step.action) for step in steps if step.kind == "workflow"]
            self._names[id(document)] = found = list(dict.fromkeys(found))
        return found

    def _next(self, document: Document) -> list[Document]:
        """The workflows that the steps of a document run, as far as they are to be found."""
        found = self._below.get(id(document))
        if found is None:
            every = (self._find(document, name) for name in self.named(document))
            found = self._below[id(document)] = [one for one in every if isinstance(one, Document)]
        return found

    def _circle(self, document: Document, start: Document) -> Trouble | None:
        """The way from `start` back to `document`."""
        came: dict[int, Document | None] = {id(start): None}
        todo = [start]
        for each in todo:
            if each is document:
                return self._told(document, each, came)
            for found in self._next(each):
                if id(found) not in came:
                    came[id(found)] = each
                    todo.append(found)
        return None

    def _told(self, document: Document, last: Document, came: dict[int, Document | None]) -> Trouble:
        path: list[Document] = []
        at: Document | None = last
        while at is not None:
            path.insert(0, at)
            at = came[id(at)]
        if len(path) == 1:
            return Trouble("circle", "this workflow runs itself, without end", "take this step out")
        whole = " → ".join(self._label(each) for each in (document, *path))
        message = f"these workflows run each other without end: {whole}"
        return Trouble("circle", message, "take one of these steps out", through=tuple(path))

    def _label(self, document: Document) -> str:
        name = posixpath.basename(document.path)
        return name if len(self._siblings(document)) < 2 else f"{name}#{name_of(document)}"

    def _depth(self, start: Document) -> Trouble | None:
        if id(start) not in self._deep:
            self._deep[id(start)] = self._is_deep(start)
        message = f"workflows run each other more than {MOST_LEVELS} deep from here"
        return Trouble("circle", message, "let one workflow run several of them") if self._deep[id(start)] else None

    def _is_deep(self, start: Document) -> bool:
        seen, level = {id(start)}, [start]
        for _ in range(MOST_LEVELS):
            every = {id(one): one for each in level for one in self._next(each)}
            level = [one for key, one in every.items() if key not in seen]
            seen |= every.keys()
            if not level:
                return False
        return True

    def _errors(self, document: Document, name: str) -> Trouble | None:
        errors = tuple(one for one in self._judge(document, self) if one.severity is Severity.ERROR)
        if not errors:
            return None
        count = "an error" if len(errors) == 1 else f"{len(errors)} errors"
        return Trouble("errors", f"`{name}` has {count}, so it cannot be run", "correct that spec first", "", errors)

    # -- outputs

    def _interface(self, document: Document) -> dict[str, OutputSpec]:
        workflow = self.workflow(document)
        return {name: result_type(workflow, named) for name, named in workflow.outputs.items()}


def result_type(workflow: Workflow, named: Named) -> OutputSpec:
    """What an output of a workflow is: of the type that its expression names, with what is written beside it."""
    value = text(named.body.get("value"))
    written = {key: one for key, one in named.plain.items() if key not in _ABOUT}
    parts = pieces(value)
    if len(parts) != 1 or not parts[0].is_expression:
        return OutputSpec(named.id, named.span, {"type": "string", **written}, None, named.body)
    whole = parts[0].text.strip()
    path = next((one.path for one in references(whole) if str(one) == whole), ())
    found = referred_output(workflow, path)
    if found is not None and found[1].artifact and not found[0].many:
        return OutputSpec(named.id, named.span, None, At(found[1].artifact.value, named.span), named.body)
    inferred = (referred(workflow, path) if path else None) or _checked(workflow, whole)
    return OutputSpec(named.id, named.span, {**inferred, **written}, None, named.body)


def _checked(workflow: Workflow, expression: str) -> dict[str, Json]:
    return schema_of(check(expression, Scope(base_table(workflow), _OUTPUT_ROOTS)).shape)


def name_of(document: Document) -> str:
    """The name of the workflow in a document, empty where it has none."""
    return text(below(document.root, "name"))


def locate(path: str, name: str) -> str:
    """The path of the file that a step of the spec at `path` calls `name`; the same file for an empty name."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) if name else path


def _normal(path: str) -> str:
    return posixpath.normpath(path)


def _chosen(documents: list[Document], path: str, wanted: str | None) -> Document | Trouble | None:
    specs = [one for one in documents if isinstance(one.root, Mapping) and "spec" in one.root.entries]
    names = [name for one in specs if (name := name_of(one))]
    if not specs and not any(one.diagnostics for one in documents):
        return Trouble("file", f"`{path}` is no spec: it has no key `spec`", "name the file of a workflow")
    if wanted is None and len(documents) > 1:
        message = f"`{path}` has several workflows; {existing(names)}"
        return Trouble("file", message, f"say which one: `{path}#{names[0] if names else 'NAME'}`")
    if wanted is None or wanted in names:
        return documents[0] if wanted is None else next(one for one in specs if name_of(one) == wanted)
    if not path and len(names) < len(documents):
        return None  # it may be the one without a name, which is told there
    near = nearest(wanted, names)
    message = f"there is no workflow `{wanted}` in {f'`{path}`' if path else 'this file'}; {existing(names)}"
    better = f"{path}#{near[0]}" if near else ""
    hint = did_you_mean(wanted, names) or f"write it {'there' if path else 'here'}, behind a line `---`"
    return Trouble("file", message, hint, better, sure=certain(wanted, names))
