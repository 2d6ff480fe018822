"""Tree to `Workflow`: builds what it can of a broken tree, merges defaults and templates, never raises."""

from __future__ import annotations

from collections.abc import Callable

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Span
from runner.compiler.document import Document, Entry, Mapping, Node, Scalar, Sequence
from runner.compiler.spec.model import (
    AgentDecl,
    At,
    FileDecl,
    Layer,
    MatrixDecl,
    MilestoneDecl,
    Named,
    OutputSpec,
    RetryDecl,
    SandboxDecl,
    ScheduleDecl,
    StepSpec,
    Workflow,
)
from runner.compiler.spec.read import (
    at_int,
    at_text,
    child,
    items,
    key_span,
    mapping,
    plain,
    plain_map,
    scalar,
    scalar_map,
    scalars,
    text,
    texts,
)
from runner.compiler.spec.units import mebibytes, seconds
from runner.compiler.suggest import nearest
from runner.records import dataclass

KINDS = ("run", "script", "agent", "tool", "approve", "workflow")
#: Every key that a step may have.
STEP_KEYS = frozenset(
    (
        *KINDS,
        *(
            "use",
            "with",
            "prompt",
            "returns",
            "title",
            "description",
            "ref",
            "phase",
            "owner",
            "sandbox",
            "after",
            "if",
        ),
        *("matrix", "for_each", "repeat", "env", "files", "cwd", "stdin", "timeout", "estimate", "retry", "outputs"),
        *("allow_failure", "cache", "concurrency", "priority", "idempotent"),
    )
)
#: Those that say which outputs it has.
_GIVING = frozenset((*KINDS, "use", "returns", "outputs", "matrix", "for_each"))
_MATRIX_WORDS = ("include", "exclude", "max_parallel", "fail_fast")
_DEFAULTS = ("timeout", "retry", "sandbox", "env")
_SIZES = ("memory", "disk")


#: The outputs of the workflow at a path, as `workflow` of a step gives it; None where they cannot be known.
OutputsOf = Callable[[str], "dict[str, OutputSpec] | None"]


@dataclass(frozen=True, slots=True)
class _Common:
    """What all steps of a document are built with."""

    defaults: Mapping | None
    templates: dict[str, Named]
    outputs_of: OutputsOf


def _unknown_outputs(_: str) -> None:
    return None


def build(document: Document, outputs_of: OutputsOf = _unknown_outputs) -> Workflow:
    """The workflow that the document describes, with whatever could be understood of it.

    `outputs_of` tells the outputs of other workflows; without it those of steps that run one stay open.
    """
    nowhere = Span(document.path, 1, 1, 1, 1)
    root = mapping(document.root) or Mapping({}, nowhere)
    templates = _named(root.get("templates"))
    common = _Common(mapping(root.get("defaults")), templates, outputs_of)

    def single(key: str) -> StepSpec | None:
        body = mapping(root.get(key))
        return None if body is None else _step(key, key_span(root, key), body, common)

    steps = mapping(root.get("steps"))
    return Workflow(
        node=root,
        name=text(root.get("name")),
        title=text(root.get("title")),
        description=text(root.get("description")),
        inputs=_named(root.get("inputs")),
        secrets=_named(root.get("secrets")),
        sandboxes={named.id: _sandbox(named) for named in _named(root.get("sandboxes")).values()},
        agents={named.id: _agent(named) for named in _named(root.get("agents")).values()},
        templates=templates,
        template_steps={
            named.id: _step(named.id, named.span, body, common, named)
            for named in templates.values()
            if (body := mapping(named.body.get("step"))) is not None
        },
        phases=_named(root.get("phases")),
        env=scalar_map(root.get("env")),
        steps={
            key: _step(key, entry.key.span, entry.value, common)
            for key, entry in (steps.entries.items() if steps else ())
            if isinstance(entry.value, Mapping)
        },
        outputs=_named(root.get("outputs")),
        milestones=tuple(_milestone(item) for item in _maps(root.get("milestones"))),
        schedules=tuple(_schedule(item, number) for number, item in enumerate(_maps(root.get("schedules")))),
        on_failure=single("on_failure"),
        finally_=single("finally"),
    )


def _maps(node: Node | None) -> list[Mapping]:
    return [item for item in items(node) if isinstance(item, Mapping)] if isinstance(node, Sequence) else []


def _named(node: Node | None) -> dict[str, Named]:
    if not isinstance(node, Mapping):
        return {}
    return {
        key: Named(key, entry.key.span, body, plain_map(body))
        for key, entry in node.entries.items()
        for body in [entry.value if isinstance(entry.value, Mapping) else Mapping({}, entry.value.span)]
    }


def _sandbox(named: Named) -> SandboxDecl:
    node = named.body
    return SandboxDecl(
        id=named.id,
        span=named.span,
        needs=normal_needs(plain_map(node.get("needs"))),
        prefer=texts(node.get("prefer")),
        scope="step" if text(node.get("scope")) == "step" else "run",
        env=scalar_map(node.get("env")),
        node=node,
    )


def normal_needs(written: dict[str, Json]) -> dict[str, Json]:
    """The needs with `memory_mb`, `disk_mb` and `persist_seconds` as numbers, and a runtime."""
    needs: dict[str, Json] = {"runtime": "shell"}
    for key, value in written.items():
        name, amount = key, value
        if key in _SIZES:
            name, amount = f"{key}_mb", mebibytes(value)
        elif key == "persist":
            name, amount = "persist_seconds", seconds(value)
        if amount is not None:
            needs[name] = amount
    return needs


def _agent(named: Named) -> AgentDecl:
    return AgentDecl(
        id=named.id,
        span=named.span,
        sandbox=at_text(named.body.get("sandbox")),
        human=named.plain.get("human") is True,
        node=named.body,
    )


def _milestone(node: Mapping) -> MilestoneDecl:
    return MilestoneDecl(
        id=at_text(node.get("id")) or At("", node.span),
        span=node.span,
        title=text(node.get("title")),
        week=at_int(node.get("week")),
        due=_as_text(node.get("due")),
        owner=at_text(node.get("owner")),
        needs=texts(node.get("needs")),
        accept=scalars(node.get("accept")),
    )


def _as_text(node: Node | None) -> At[str] | None:
    written = text(node)
    return At(written, node.span) if node is not None and written else None


def _schedule(node: Mapping, number: int) -> ScheduleDecl:
    return ScheduleDecl(
        id=text(node.get("id")) or f"schedules[{number}]",
        span=node.span,
        cron=at_text(node.get("cron")),
        timezone=at_text(node.get("timezone")),
        inputs=mapping(node.get("inputs")),
        node=node,
    )


# ---------------------------------------------------------------- steps


def _merged(below: dict[str, Entry], above: Mapping) -> Mapping:
    """`above` laid over `below`; the maps `env` and `retry` are merged key by key."""
    entries = dict(above.entries)
    for key, entry in below.items():
        mine = entries.get(key)
        if mine is None:
            entries[key] = entry
        elif key in ("env", "retry") and isinstance(mine.value, Mapping) and isinstance(entry.value, Mapping):
            both = Mapping({**entry.value.entries, **mine.value.entries}, mine.value.span)
            entries[key] = Entry(mine.key, both)
    return Mapping(entries, above.span)


def _unfolded(node: Mapping, templates: dict[str, Named]) -> tuple[Mapping, tuple[Layer, ...]]:
    """The step laid over the template it uses, that one over the template it uses, and so on, once each."""
    layers: list[Layer] = []
    inner: Mapping | None = node
    while inner is not None and (use := at_text(inner.get("use"))) is not None:
        if any(layer.use.value == use.value for layer in layers):
            break  # a circle, which a rule tells
        template = templates.get(use.value)
        layers.append(Layer(use, template, mapping(inner.get("with"))))
        node = Mapping({key: entry for key, entry in node.entries.items() if key != "with"}, node.span)
        inner = mapping(template.body.get("step")) if template else None
        if inner is not None:
            node = _merged(inner.entries, node)
    return node, tuple(layers)


def _step(id_: str, span: Span, body: Node, common: _Common, owner: Named | None = None) -> StepSpec:
    """A step over the defaults and the templates; `owner` is the template whose own step it is."""
    defaults = common.defaults
    node, layers = _unfolded(mapping(body) or Mapping({}, body.span), common.templates)
    below = {key: entry for key, entry in defaults.entries.items() if key in _DEFAULTS} if defaults else {}
    node = _merged(below, node)
    kind = next((kind for kind in KINDS if kind in node.entries), "")
    given = common.outputs_of(text(node.get(kind))) if kind == "workflow" else None
    return StepSpec(
        id=id_,
        span=span,
        node=node,
        kind=kind,
        action=node.get(kind) if kind else None,
        title=text(node.get("title")),
        ref=text(node.get("ref")),
        phase=at_text(node.get("phase")),
        owner=at_text(node.get("owner")),
        sandbox=at_text(node.get("sandbox")),
        agent=at_text(node.get("agent")),
        after=texts(node.get("after")),
        condition=scalar(node.get("if")),
        matrix=_matrix(node),
        env=scalar_map(node.get("env")),
        stdin=scalar(node.get("stdin")),
        cwd=scalar(node.get("cwd")),
        files=_files(mapping(node.get("files"))),
        outputs=_outputs(node) if given is None else given,
        timeout=seconds(plain(node.get("timeout"))),
        retry=_retry(node.get("retry")),
        allow_failure=plain(node.get("allow_failure")) is True,
        layers=layers,
        owner_template=owner,
        outputs_open=_is_open(kind, node, given),
    )


def _is_open(kind: str, node: Mapping, given: dict[str, OutputSpec] | None) -> bool:
    """Whether a step may have other outputs than those that are known.

    They may be those of another workflow, or come by a key that is mistyped.
    """
    if (kind == "workflow" and given is None) or not kind:
        return True
    slips = node.entries.keys() - STEP_KEYS
    return any(meant in _GIVING for key in slips for meant in nearest(key, STEP_KEYS))


def _axis(node: Node) -> tuple[Node, ...] | Scalar:
    return node if isinstance(node, Scalar) and isinstance(node.value, str) else items(node)


def _matrix(step: Mapping) -> MatrixDecl | None:
    node = mapping(step.get("matrix"))
    if node is None:
        return None
    axes = {key: entry for key, entry in node.entries.items() if key not in _MATRIX_WORDS}
    return MatrixDecl(
        span=key_span(step, "matrix"),
        axes={key: _axis(entry.value) for key, entry in axes.items()},
        axis_spans={key: entry.key.span for key, entry in axes.items()},
        include=tuple(_maps(node.get("include"))),
        exclude=tuple(_maps(node.get("exclude"))),
        plain=plain_map(node),
    )


def _files(node: Mapping | None) -> tuple[FileDecl, ...]:
    found = []
    for key, entry in node.entries.items() if node else ():
        source = scalar(child(entry.value, "from") if isinstance(entry.value, Mapping) else entry.value)
        if source is not None:
            patterns = [tuple(at.value for at in texts(child(entry.value, word))) for word in ("include", "exclude")]
            found.append(FileDecl(At(key, entry.key.span), source, patterns[0], patterns[1]))
    return tuple(found)


def _outputs(step: Mapping) -> dict[str, OutputSpec]:
    found: dict[str, OutputSpec] = {}
    node = mapping(step.get("outputs"))
    for key, entry in node.entries.items() if node else ():
        glob = at_text(child(entry.value, "artifact"))
        schema = None if glob else plain_map(entry.value)
        found[key] = OutputSpec(key, entry.key.span, schema, glob, entry.value)
    for typed in (child(step.get("returns"), "properties"), child(step.get("approve"), "form")):
        properties = mapping(typed)
        for key, entry in properties.entries.items() if properties else ():
            found.setdefault(key, OutputSpec(key, entry.key.span, plain_map(entry.value), None, entry.value))
    return found


def _retry(node: Node | None) -> RetryDecl:
    if isinstance(node, Scalar):
        attempts = at_int(node)
        return RetryDecl(attempts=attempts.value if attempts else None)
    jitter = plain(child(node, "jitter"))
    attempts = at_int(child(node, "attempts"))
    on = child(node, "on")
    return RetryDecl(
        attempts=attempts.value if attempts else None,
        backoff=text(child(node, "backoff")) or None,
        delay=seconds(plain(child(node, "delay"))),
        max_delay=seconds(plain(child(node, "max"))),
        jitter=float(jitter) if isinstance(jitter, int | float) and not isinstance(jitter, bool) else None,
        on=None if on is None else tuple(at.value for at in texts(on)),
    )
