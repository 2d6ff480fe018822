"""The typed parts of a workflow. Templates stay `Scalar`s: their text, style and place belong together."""

from __future__ import annotations

from dataclasses import field
from functools import cached_property
from typing import Generic, Literal, TypeVar

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Span
from runner.compiler.document import Mapping, Node, Scalar
from runner.records import dataclass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class At(Generic[T]):
    """A value and where it is written."""

    value: T
    span: Span


@dataclass(frozen=True, slots=True)
class Named:
    """An entry of a map keyed by id (input, secret, phase, …): its id's place and its body."""

    id: str
    span: Span
    body: Mapping
    plain: dict[str, Json]


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """A declared output: a typed value (`schema`) or an artifact (`artifact`, a glob), never both."""

    name: str
    span: Span
    schema: dict[str, Json] | None = None
    artifact: At[str] | None = None
    body: Node | None = None


@dataclass(frozen=True, slots=True)
class FileDecl:
    """Host files for the box: `source` is a template for a path relative to the spec's folder."""

    target: At[str]
    source: Scalar
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RetryDecl:
    """How failed attempts are repeated; None where the spec is silent. Times in seconds."""

    attempts: int | None = None
    backoff: str | None = None
    delay: float | None = None
    max_delay: float | None = None
    jitter: float | None = None
    on: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class MatrixDecl:
    """A matrix: each axis is a list of nodes or one template (`Scalar`); rows to add and to leave out."""

    span: Span
    axes: dict[str, tuple[Node, ...] | Scalar]
    axis_spans: dict[str, Span]
    include: tuple[Mapping, ...] = ()
    exclude: tuple[Mapping, ...] = ()
    plain: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layer:
    """One `use` of a template: what it is called, the template if there is one, and what is given `with` it."""

    use: At[str]
    template: Named | None
    given: Mapping | None


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step with defaults and templates merged in. `kind` is "" when the spec does not say which.

    `layers` are the templates it is made of, the one that the step itself names first; a template's own step has the
    template as `owner_template`. `node` holds no `with` of a template, only that of a workflow.
    """

    id: str
    span: Span
    node: Mapping
    kind: str = ""
    action: Node | None = None
    title: str = ""
    ref: str = ""
    phase: At[str] | None = None
    owner: At[str] | None = None
    sandbox: At[str] | None = None
    agent: At[str] | None = None
    after: tuple[At[str], ...] = ()
    condition: Scalar | None = None
    matrix: MatrixDecl | None = None
    env: dict[str, Scalar] = field(default_factory=dict)
    stdin: Scalar | None = None
    cwd: Scalar | None = None
    files: tuple[FileDecl, ...] = ()
    outputs: dict[str, OutputSpec] = field(default_factory=dict)
    timeout: float | None = None
    retry: RetryDecl = field(default_factory=RetryDecl)
    allow_failure: bool = False
    layers: tuple[Layer, ...] = ()
    owner_template: Named | None = None
    #: Whether the outputs are those of a workflow that could not be looked at.
    outputs_open: bool = False

    @property
    def many(self) -> bool:
        """Whether the step runs once for each leg, so that its outputs are lists."""
        return self.matrix is not None or "for_each" in self.node.entries

    @property
    def templates(self) -> list[Named]:
        """The templates whose parameters the step may name, the innermost last."""
        own = [self.owner_template] if self.owner_template else []
        return [*own, *(layer.template for layer in self.layers if layer.template is not None)]


@dataclass(frozen=True, slots=True)
class SandboxDecl:
    """A declared sandbox; `needs` is normalised (sizes in MiB, times in seconds)."""

    id: str
    span: Span
    needs: dict[str, Json]
    prefer: tuple[At[str], ...]
    scope: Literal["run", "step"]
    env: dict[str, Scalar]
    node: Mapping


@dataclass(frozen=True, slots=True)
class AgentDecl:
    """An agent or a person's role; both can own steps."""

    id: str
    span: Span
    sandbox: At[str] | None
    human: bool
    node: Mapping


@dataclass(frozen=True, slots=True)
class MilestoneDecl:
    """A dated set of steps with acceptance checks."""

    id: At[str]
    span: Span
    title: str
    week: At[int] | None
    due: At[str] | None
    owner: At[str] | None
    needs: tuple[At[str], ...]
    accept: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class ScheduleDecl:
    """When runs start by themselves."""

    id: str
    span: Span
    cron: At[str] | None
    timezone: At[str] | None
    inputs: Mapping | None
    node: Mapping


@dataclass(frozen=True)
class Workflow:
    """A whole spec. `node` is the root of the tree it was built from."""

    node: Mapping
    name: str
    title: str
    description: str
    inputs: dict[str, Named]
    secrets: dict[str, Named]
    sandboxes: dict[str, SandboxDecl]
    agents: dict[str, AgentDecl]
    templates: dict[str, Named]
    template_steps: dict[str, StepSpec]
    phases: dict[str, Named]
    env: dict[str, Scalar]
    steps: dict[str, StepSpec]
    outputs: dict[str, Named]
    milestones: tuple[MilestoneDecl, ...]
    schedules: tuple[ScheduleDecl, ...]
    on_failure: StepSpec | None = None
    finally_: StepSpec | None = None

    @cached_property
    def all_steps(self) -> tuple[StepSpec, ...]:
        """The steps, then `on_failure` and `finally` where given."""
        return (*self.steps.values(), *(s for s in (self.on_failure, self.finally_) if s is not None))

    @cached_property
    def every_step(self) -> tuple[StepSpec, ...]:
        """All steps, then those of templates that none of them uses: everything that must be right."""
        used = {layer.use.value for step in self.all_steps for layer in step.layers}
        return (*self.all_steps, *(step for id_, step in self.template_steps.items() if id_ not in used))
