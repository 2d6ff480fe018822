"""What is known of a thing that a spec declares, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.canonical import Json
from runner.compiler.document import Scalar
from runner.compiler.expressions.types import from_schema
from runner.compiler.plan.amounts import lasting, shown
from runner.compiler.plan.choose import choose, usd_per_hour
from runner.compiler.plan.model import DEFAULT_SANDBOX, Candidate
from runner.compiler.plan.workload import sandbox_of, timeout_of
from runner.compiler.shape.words import flow
from runner.compiler.spec.model import Named, StepSpec
from runner.compiler.spec.read import text
from runner.editor.analysis import Part
from runner.editor.expressions import typed
from runner.editor.names import Kind

_OF_PEOPLE = ("title", "description")


def about(part: Part, kind: Kind, name: str, owner: str = "") -> str:
    """What is known of the thing; an empty text for one that does not exist."""
    match kind:
        case "step":
            step = part.workflow.steps.get(name)
            return "" if step is None else "\n\n".join(_step(part, step))
        case "sandbox":
            return "\n\n".join(_sandbox(part, name))
        case "input" | "output" | "param":
            return _value(part, kind, name, owner)
        case "agent" | "phase" | "secret" | "template":
            return _plain(part, kind, name)
    return ""


def candidates(part: Part, sandbox: str) -> tuple[Candidate, ...]:
    """Every provider for a sandbox with its verdict, in the order of preference."""
    declared = part.workflow.sandboxes.get(sandbox)
    if declared is None:
        return choose({"runtime": "shell"}) if sandbox == DEFAULT_SANDBOX else ()
    return choose(declared.needs, [at.value for at in declared.prefer])


def chosen(part: Part, sandbox: str) -> str:
    """The provider that a sandbox gets, with its price for an hour; empty where there is none."""
    first = next((one.provider for one in candidates(part, sandbox) if one.accepted), None)
    if first is None:
        return ""
    declared = part.workflow.sandboxes.get(sandbox)
    usd = usd_per_hour(declared.needs if declared else {"runtime": "shell"}, first)
    return f"{first}, ${usd:.3f}/h" if usd else f"{first}, free"


def _step(part: Part, step: StepSpec) -> Iterator[str]:
    yield f"**step {step.id}**" + (f": {step.title}" if step.title else "")
    facts = [f"kind `{step.kind}`"] if step.kind else []
    sandbox = sandbox_of(part.workflow, step)
    if sandbox is not None:
        facts.append(f"in `{sandbox}` → {chosen(part, sandbox) or 'no provider can serve it'}")
    upstream = [edge.upstream for edge in part.edges.get(step.id, ())]
    if upstream:
        facts.append("after " + ", ".join(f"`{id_}`" for id_ in upstream))
    facts.append(f"stopped after {lasting(timeout_of(step))}")
    price = part.price.steps.get(step.id)
    if price is not None:
        facts.append(f"price {shown(price.usd)}")
    yield "\n".join(f"- {fact}" for fact in facts)
    if step.outputs:
        yield "Outputs: " + ", ".join(f"`{name}`" for name in step.outputs)


def _sandbox(part: Part, name: str) -> Iterator[str]:
    found = candidates(part, name)
    if not found:
        return
    declared = part.workflow.sandboxes.get(name)
    yield f"**sandbox {name}**" + (f": needs `{flow(declared.needs)}`" if declared else "")
    yield "\n".join(f"- {'✓' if one.accepted else '✗'} `{one.provider}`: {one.reason}" for one in found)
    price = part.price.sandboxes.get(name)
    if price is not None:
        yield f"A run: {shown(price.usd)}"


def _schema_of(part: Part, kind: Kind, name: str, owner: str) -> dict[str, Json] | None:
    if kind == "input":
        declared = part.workflow.inputs.get(name)
        return declared.plain if declared else None
    if kind == "param":
        template = part.workflow.templates.get(owner)
        params = template.plain.get("params") if template else None
        found = params.get(name) if isinstance(params, dict) else None
        return found if isinstance(found, dict) else None
    step = part.owner(owner)
    output = step.outputs.get(name) if step else None
    if output is None:
        return None
    return {"artifact": output.artifact.value} if output.artifact else output.schema


def _value(part: Part, kind: Kind, name: str, owner: str) -> str:
    schema = _schema_of(part, kind, name, owner)
    if schema is None:
        return ""
    what = f"files {flow(schema['artifact'])}" if "artifact" in schema else typed(from_schema(schema))
    of = f" of `{owner}`" if owner else ""
    lines = [f"**{kind} {name}**{of}: {what}"]
    lines += [str(schema[word]) for word in _OF_PEOPLE if word in schema]
    if "default" in schema:
        lines.append(f"Default: `{flow(schema['default'])}`")
    return "\n\n".join(lines)


def _plain(part: Part, kind: Kind, name: str) -> str:
    workflow = part.workflow
    declared: dict[str, Named] = {
        "phase": workflow.phases,
        "secret": workflow.secrets,
        "template": workflow.templates,
    }.get(kind, {})
    if kind == "agent":
        agent = workflow.agents.get(name)
        body = agent.node if agent else None
    else:
        body = declared[name].body if name in declared else None
    if body is None:
        return ""
    facts = [f"- {key}: `{entry.value.text}`" for key, entry in body.entries.items() if isinstance(entry.value, Scalar)]
    if kind == "template":
        facts += _of_template(part, name)
    return f"**{kind} {name}**\n\n" + "\n".join(facts)


def _of_template(part: Part, name: str) -> Iterator[str]:
    step = part.workflow.template_steps.get(name)
    if step is not None and step.kind:
        yield f"- kind `{step.kind}`"
    params = part.workflow.templates[name].plain.get("params")
    for param, schema in params.items() if isinstance(params, dict) else ():
        if isinstance(schema, dict):
            yield f"- takes `{param}`: {typed(from_schema(schema))}"


def about_child(child: Part) -> str:
    """What is known of a workflow that a step runs: what it takes and gives."""
    workflow = child.workflow
    name = text(child.root.get("name"))
    title = text(child.root.get("title"))
    facts = [f"- takes `{id_}`: {typed(from_schema(one.plain))}" for id_, one in workflow.inputs.items()]
    facts += [f"- gives `{id_}`" for id_ in workflow.outputs]
    return "\n\n".join(filter(None, (f"**workflow {name}**" + (f": {title}" if title else ""), "\n".join(facts))))
