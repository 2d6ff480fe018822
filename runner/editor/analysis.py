"""A text as it is being written, and all that is known of it. Each part is made when it is asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from runner.compiler.compile import check
from runner.compiler.diagnostic import Diagnostic, Span
from runner.compiler.document import Document, Mapping, Node, read_all, split_lines
from runner.compiler.document import Sequence as List
from runner.compiler.expressions.symbols import Scope
from runner.compiler.family import Child, Family
from runner.compiler.plan.amounts import Price
from runner.compiler.plan.graph import Edge, all_edges
from runner.compiler.plan.price import price
from runner.compiler.rules.examined import scope_of
from runner.compiler.spec import Workflow
from runner.compiler.spec.model import StepSpec
from runner.compiler.spec.read import text
from runner.compiler.surroundings import ALONE, Surroundings

Path = tuple[str | int, ...]
_SPEC = re.compile(r"^\ufeff?(?:spec|steps)[ \t]*:", re.MULTILINE)
_KEY = re.compile(r"^(?:- |[\w\"'-][^#\n]*:(?:\s|$))", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Analysis:
    """One version of a text. `earlier` are the documents of the last version before it that could be read."""

    text: str
    path: str = "spec.yaml"
    around: Surroundings = ALONE
    earlier: tuple[Part, ...] = field(default=(), repr=False)

    def then(self, text: str, around: Surroundings | None = None) -> Analysis:
        """The analysis of the next version of the text."""
        earlier = tuple(self.parts) if self.sound else self.earlier
        return Analysis(text, self.path, self.around if around is None else around, earlier)

    @cached_property
    def data(self) -> bytes:
        """The text as it would be in a file."""
        return self.text.encode("utf-8", "replace")

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends."""
        return split_lines(self.text)

    @cached_property
    def documents(self) -> list[Document]:
        """The trees, one for each document of the text."""
        return read_all(self.data, self.path)

    @cached_property
    def is_spec(self) -> bool:
        """Whether it is a spec, or may become one: other YAML files are none of our business."""
        return _SPEC.search(self.text) is not None or _KEY.search(self.text) is None

    @property
    def sound(self) -> bool:
        """Whether there is a whole tree."""
        return all(document.root is not None and not document.broken for document in self.documents)

    @cached_property
    def findings(self) -> list[Diagnostic]:
        """Every finding about the text."""
        return check(self.data, self.path, self.around)

    @cached_property
    def parts(self) -> list[Part]:
        """Each document with what it means."""
        family = Family(self.documents, self.around.read, lambda _document, _family: [])
        return [Part(document, family) for document in self.documents]

    def part(self, line: int) -> Part:
        """The document that a line belongs to."""
        return _part(self.parts, line)

    @property
    def known_parts(self) -> Sequence[Part]:
        """The documents; while the text cannot be read, those of the last version that could."""
        return self.parts if self.sound or not self.earlier else self.earlier

    def known(self, line: int) -> Part:
        """The one of these that a line belongs to."""
        return _part(self.known_parts, line)


def _part(parts: Sequence[Part], line: int) -> Part:
    return next((one for one in reversed(parts) if one.document.first_line <= line), parts[0])


@dataclass(frozen=True, eq=False)
class Part:
    """One document and what it means."""

    document: Document
    family: Family

    @cached_property
    def root(self) -> Mapping:
        """Its map; an empty one if it has none."""
        root = self.document.root
        return root if isinstance(root, Mapping) else Mapping({}, Span(self.document.path, 1, 1, 1, 1))

    @cached_property
    def workflow(self) -> Workflow:
        """What it means, as far as it can be understood."""
        return self.family.workflow(self.document)

    @cached_property
    def edges(self) -> dict[str, list[Edge]]:
        """Which step waits for which."""
        return all_edges(self.workflow)

    @cached_property
    def price(self) -> Price:
        """What a run takes, with the defaults of its inputs."""
        inputs = {id_: one.plain["default"] for id_, one in self.workflow.inputs.items() if "default" in one.plain}
        return price(self.workflow, inputs, edges=self.edges)

    def owner(self, name: str) -> StepSpec | None:
        """The step of that id, or that of a template: `templates.NAME`."""
        template = name.removeprefix("templates.")
        return self.workflow.steps.get(name) if template == name else self.workflow.template_steps.get(template)

    def step(self, path: Path) -> StepSpec | None:
        """The step that a path leads to or into."""
        match path:
            case ("steps", str(id_), *_):
                return self.workflow.steps.get(id_)
            case ("on_failure", *_):
                return self.workflow.on_failure
            case ("finally", *_):
                return self.workflow.finally_
            case ("templates", str(id_), "step", *_):
                return self.workflow.template_steps.get(id_)
        return None

    def scope(self, path: Path) -> Scope:
        """What an expression at a path may name."""
        return scope_of(self.workflow, self.edges, self.step(path))

    def child(self, step: Path) -> Part | None:
        """The workflow that the step at a path runs, of this file or of another one."""
        name = text(self.node((*step, "workflow")))
        return self.named(name) if name else None

    def named(self, workflow: str) -> Part | None:
        """The workflow of that name, as a step of this one would say it."""
        found = self.family.child(self.document, workflow)
        return Part(found.document, self.family) if isinstance(found, Child) else None

    def node(self, path: Path) -> Node | None:
        """The value that a path leads to."""
        node: Node | None = self.root
        for name in path:
            if isinstance(node, Mapping):
                node = node.get(str(name))
            elif isinstance(node, List) and isinstance(name, int) and name < len(node.items):
                node = node.items[name]
            else:
                return None
        return node
