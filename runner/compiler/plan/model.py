"""The plan: what the compiler hands to the engines. Plain data, JSON in and out.

A plan is a function of the spec's text and the inputs alone: no clock, no environment, no live
facts. `Plan.to_json` is the wire form (`schemas/plan.v1.schema.json`); `Plan.digest` is the
SHA-256 of its canonical JSON without the digest itself and without the path of the file.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from runner.compiler.canonical import Json
from runner.compiler.plan.amounts import Price
from runner.records import dataclass

StepKind = Literal["run", "script", "agent", "tool", "approve", "workflow"]
PLAN_VERSION = 1
DEFAULT_SANDBOX = "default"


@dataclass(frozen=True, slots=True)
class Retry:
    """How failed attempts are repeated. Times in seconds; `attempts` counts the first one too."""

    attempts: int = 1
    backoff: Literal["none", "fixed", "linear", "exponential"] = "exponential"
    delay: float = 2.0
    max_delay: float = 60.0
    jitter: float = 0.2
    #: Error classes that are repeated: "exit" (command exit ≠ 0), "timeout", "provider", "box_gone".
    on: tuple[str, ...] = ("exit", "timeout", "provider", "box_gone")


@dataclass(frozen=True, slots=True)
class OutputDecl:
    """One declared output: a typed value (`schema` is a JSON Schema) or an artifact (`artifact` is a
    glob relative to the step's working folder). Exactly one of the two is set.
    """

    schema: dict[str, Json] | None = None
    artifact: str | None = None


@dataclass(frozen=True, slots=True)
class FileCopy:
    """Host files that are copied into the box before the step. `source` is a template for a host path
    relative to the folder of the spec file; `target` is relative to the box's home; the patterns are globs
    on the path relative to `source` (a pattern without a slash matches any path component).
    """

    source: str
    target: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Leg:
    """One thing to execute: a step, or one combination of its matrix.

    `key` is the step's id, or `id[name=value,…]` for a matrix leg (names in the order written).
    """

    key: str
    matrix: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ForEach:
    """A fan-out over a list that is known when the steps before have ended: a leg `id[0]`, `id[1]`, … for each item.

    `items` is a template that gives a list, or the list as written, whose texts are templates; `variable` names the
    item in expressions; `max_parallel` is how many legs may run at once, None for no limit of its own.
    """

    items: Json
    variable: str = "item"
    max_parallel: int | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """A step that is repeated until the bare CEL `until` holds over its own `outputs`, at most `most` times, with
    `delay` seconds in between; when it never holds the step fails.
    """

    until: str
    most: int
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Cache:
    """Outputs are taken from an earlier run whose `key` (a template) had the same value, `ttl` seconds at most ago."""

    key: str
    ttl: float = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Concurrency:
    """At most `limit` legs (or runs) of one `group` (a template) at once; what comes too late, by `on_conflict`:
    `wait`, `cancel_old` or `cancel_new`.
    """

    group: str
    limit: int = 1
    on_conflict: str = "wait"


@dataclass(frozen=True, slots=True)
class SubWorkflow:
    """Another workflow that a step runs: the spec's text as it was when the plan was made, so that what runs is what
    was checked. `path` is for people and for the files it refers to; `name` chooses one of several documents.
    """

    path: str
    name: str
    text: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PlanStep:
    """A step, ready for an engine.

    - `after`: ids of all upstream steps, written ones and those implied by expressions, sorted.
    - `wave`: 0 for steps without upstream, else 1 + the largest wave upstream.
    - `condition`: bare CEL text or None. Without one, the step runs when every upstream step succeeded.
    - `condition_guards_failure`: the condition mentions a step's `state`, so it alone decides; otherwise a step
      with a condition also needs every upstream step to have succeeded.
    - `action`: what to do, by kind. run: `{"command": shell text in which every expression was replaced
      by an environment variable, "expressions": {"RUNNER_EXPR_0": CEL text}}`; script: `{"language":
      "python"|"node"|"bash", "code": str}`; other kinds: their mapping as written.
    - `env`, `stdin`, `cwd`: templates, text in which `${{ CEL }}` is replaced when the step starts.
    - `artifacts`: `(step, output)` pairs of upstream artifacts this step refers to; the runner places each in
      the box first, and the value of `steps.STEP.outputs.OUTPUT` is the folder where it is.
    - `secrets`: names of the secrets that its expressions use.
    - `legs`: in matrix order; None while the matrix depends on inputs that are not given yet
      (`matrix_source` then holds the matrix as written), and always with `for_each`: its legs are known when the
      step starts.
    - `params`: the values of template parameters, outermost template first; texts in them are templates. Those of
      the first layer see what the step sees, those of a later one `params` of the layer before; the last layer is
      `params` in the step's own expressions.
    - `line`, `column`: where the step's key stands in the spec, 1-based.
    """

    id: str
    kind: StepKind
    action: dict[str, Json]
    title: str = ""
    ref: str = ""
    phase: str | None = None
    owner: str | None = None
    sandbox: str | None = DEFAULT_SANDBOX
    after: tuple[str, ...] = ()
    wave: int = 0
    condition: str | None = None
    condition_guards_failure: bool = False
    env: dict[str, str] = field(default_factory=dict)
    stdin: str | None = None
    cwd: str | None = None
    files: tuple[FileCopy, ...] = ()
    artifacts: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()
    outputs: dict[str, OutputDecl] = field(default_factory=dict)
    timeout: float = 600.0
    retry: Retry = field(default_factory=Retry)
    allow_failure: bool = False
    legs: tuple[Leg, ...] | None = ()
    matrix_source: Json = None
    is_matrix: bool = False
    params: tuple[dict[str, Json], ...] = ()
    for_each: ForEach | None = None
    repeat: Repeat | None = None
    cache: Cache | None = None
    concurrency: Concurrency | None = None
    priority: int = 0
    idempotent: bool = True
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """One provider that was looked at for a sandbox, taken or refused, and why (a sentence)."""

    provider: str
    accepted: bool
    reason: str


@dataclass(frozen=True, slots=True)
class SandboxPlan:
    """A declared sandbox with the Chooser's decision over the capability tables.

    `needs` is normalised: runtime, memory_mb, cpu, browser, network (allow list or None), template….
    `scope` says how long a box lives: "run" = one box that all steps of this sandbox share, "step" =
    a fresh box for each leg. `candidates` are in the order of preference; accepted ones in that
    order are the fallback order. No accepted candidate is a diagnostic, so there is at least one.
    """

    name: str
    needs: dict[str, Json] = field(default_factory=dict)
    scope: Literal["run", "step"] = "run"
    candidates: tuple[Candidate, ...] = ()
    env: dict[str, str] = field(default_factory=dict)

    @property
    def reach(self) -> tuple[str, ...]:
        """The hosts that its boxes may reach, or `everywhere`; nothing without a network."""
        network = self.needs.get("network")
        if network == "*":
            return ("everywhere",)
        hosts = network.get("allow") if isinstance(network, dict) else None
        return tuple(str(host) for host in hosts) if isinstance(hosts, list) else ()


@dataclass(frozen=True, slots=True)
class Secret:
    """A reference to a secret: the name of the environment variable that holds it."""

    name: str
    env: str


@dataclass(frozen=True, slots=True)
class Milestone:
    """A dated set of steps with acceptance checks (bare CEL, boolean)."""

    id: str
    title: str = ""
    week: int | None = None
    due: str | None = None
    needs: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The compiled workflow. `steps` are in stable topological order (ties by order in the spec);
    `inputs_schema` is a JSON Schema of type object; `inputs` are the values, defaults filled in;
    `source` is `{"path": as given, "sha256": of the text}`; `outputs` are the workflow's own, each a template;
    `workflows` are those that steps of the kind `workflow` run, theirs too, by the path that `action.path` of the step
    gives, resolved; `extra` holds validated parts of the spec that later stages use (phases, agents, policies,
    schedules, triggers, risks, tests, limits of sandboxes), as plain JSON. `price` is what a run costs by tables that
    change: it has no part in the digest.
    """

    name: str
    title: str
    description: str
    source: dict[str, str]
    inputs_schema: dict[str, Json]
    inputs: dict[str, Json]
    steps: tuple[PlanStep, ...]
    sandboxes: dict[str, SandboxPlan]
    secrets: tuple[Secret, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    on_failure: PlanStep | None = None
    finally_: PlanStep | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    workflows: dict[str, SubWorkflow] = field(default_factory=dict)
    concurrency: Concurrency | None = None
    priority: int = 0
    extra: dict[str, Json] = field(default_factory=dict)
    price: Price = field(default_factory=Price)
    digest: str = ""

    def step(self, id_: str) -> PlanStep:
        """The step with that id. Raises KeyError."""
        for step in self.steps:
            if step.id == id_:
                return step
        raise KeyError(id_)

    @property
    def waves(self) -> list[list[str]]:
        """Step ids by wave: everything in one wave may run at the same time."""
        out: list[list[str]] = []
        for step in self.steps:
            while len(out) <= step.wave:
                out.append([])
            out[step.wave].append(step.id)
        return out
