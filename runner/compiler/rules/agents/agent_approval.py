"""`agent-approval`: what somebody outside wrote decides what happens outside, and nobody looks at it before."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Span, warning
from runner.compiler.expressions.scan import references
from runner.compiler.expressions.uses import Use, found_in, step_uses
from runner.compiler.plan.graph import upstream_of
from runner.compiler.plan.workload import sandbox_of
from runner.compiler.rules.agents.tools import changes, has_network, reaches_out
from runner.compiler.rules.context import Context
from runner.compiler.rules.examined import span_of
from runner.compiler.rules.untrusted import Known, Source, sources, texts_in
from runner.compiler.spec import StepSpec
from runner.compiler.spec.read import texts

CODE = "agent-approval"


def check(context: Context) -> list[Diagnostic]:
    """Before text of an agent or an event reaches a step that can change things outside, a person should approve."""
    return unapproved(context, CODE)


def unapproved(context: Context, code: str) -> list[Diagnostic]:
    """The findings of this rule under a code."""
    workflow = context.workflow
    acting = [(step, why) for step in workflow.steps.values() if (why := _acts_outside(context, step))]
    if not acting:
        return []
    known = sources(context)
    found = []
    for step, why in acting:
        for span, name, source in _untrusted(context, step, known):
            if not _approved(context, step, source):
                message = f"`{name}` reaches {why} without an approval: {source.words} (in the step `{step.id}`)"
                after = f"`after: [{source.step}]` there, " if source.step else ""
                hint = f"ask a person before it: a step with `approve`, {after}named in `after` here"
                found.append(warning(code, message, span, hint))
    return found


def _acts_outside(context: Context, step: StepSpec) -> str:
    """What makes a step one that can change things outside, as a phrase; "" when it cannot."""
    workflow = context.workflow
    box = workflow.sandboxes.get(sandbox_of(workflow, step) or "")
    network = box is not None and has_network(box.needs)
    if step.kind == "agent" and step.agent and step.agent.value in workflow.agents:
        tools = [at.value for at in texts(workflow.agents[step.agent.value].node.get("tools"))]
        acting = next((tool for tool in tools if reaches_out(tool) or (network and changes(tool))), "")
        return f"an agent that can act outside (`{acting}`)" if acting else ""
    if step.kind in ("run", "script") and network and _holds_secret(step):
        return "a command that has a secret and a network"
    return ""


def _holds_secret(step: StepSpec) -> bool:
    places = [*step.env.values(), *([step.stdin] if step.stdin else [])]
    return any(
        reference.path[0] == "secrets"
        for node in places
        if isinstance(node.value, str)
        for found in found_in(Use(node, "text", "env"))
        for reference in references(found.text)
    )


def _untrusted(context: Context, step: StepSpec, known: Known) -> Iterator[tuple[Span, str, Source]]:
    """What of an agent or an event a step takes, once for each source."""
    told: set[str] = set()
    for use in step_uses(step):
        if use.place in ("if", "cache.key") or use.place.startswith(("matrix", "concurrency")):
            continue
        for one in found_in(use):
            for reference, source in texts_in(one.text, known):
                if source.who in ("agent", "event") and str(reference) not in told:
                    told.add(str(reference))
                    yield span_of(context.document, one, reference.start, reference.end), str(reference), source


def _approved(context: Context, step: StepSpec, source: Source) -> bool:
    """Whether a person approves between the source and the step."""
    steps, edges = context.workflow.steps, context.edges
    for before in upstream_of(edges, step.id):
        if steps[before].kind == "approve" and (not source.step or source.step in upstream_of(edges, before)):
            return True
    return False
