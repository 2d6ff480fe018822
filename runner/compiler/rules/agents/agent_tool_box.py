"""`agent-tool-box`: a tool that the box of its agent cannot serve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Diagnostic, Span, error
from runner.compiler.plan.model import DEFAULT_SANDBOX
from runner.compiler.plan.workload import sandbox_of
from runner.compiler.rules.agents.tools import TOOLS, has_network, split
from runner.compiler.rules.context import Context
from runner.compiler.spec.model import At
from runner.compiler.spec.read import at_text, child, texts
from runner.compiler.suggest import listed

CODE = "agent-tool-box"


def check(context: Context) -> list[Diagnostic]:
    """The sandbox in which a tool works must offer what the tool needs: a browser, a desktop, a network."""
    found: dict[tuple[Span, str, str], Diagnostic] = {}
    for whole, at, box in _uses(context):
        declared = context.workflow.sandboxes.get(box)
        if declared is None and box != DEFAULT_SANDBOX:
            continue
        lack = _lack(at.value, declared.needs if declared else {})
        if lack:
            message = f"the tool `{at.value}` cannot work in the sandbox `{box}`: it {lack[0]}"
            where = f"`needs` of the sandbox `{box}`" if declared else "`needs` of a sandbox, and name it as `sandbox`"
            finding = error(CODE, message, at.span, f"write `{lack[1]}` into {where}")
            found.setdefault((whole, box, split(at.value)[0]), finding)  # once for all functions of a tool
    return list(found.values())


def _uses(context: Context) -> Iterator[tuple[Span, At[str], str]]:
    """Every tool with the list it stands in, and the sandbox that it works in: that of each step its agent does."""
    workflow = context.workflow
    for step in workflow.all_steps:
        box = sandbox_of(workflow, step) or DEFAULT_SANDBOX
        if step.kind == "tool":
            at = at_text(child(step.action, "name"))
            yield from [(at.span, at, box)] if at else []
        elif step.kind == "agent" and step.agent and step.agent.value in workflow.agents:
            agent = workflow.agents[step.agent.value]
            yield from ((agent.span, at, box) for at in texts(agent.node.get("tools")))


def _lack(name: str, needs: Mapping[str, Json]) -> tuple[str, str] | None:
    """What a box with these needs lacks for a tool, and what to write."""
    tool = TOOLS.get(split(name)[0])
    if tool is None:
        return None
    if tool.needs and not any(needs.get(need) is True for need in tool.needs):
        return f"has no {listed(tool.needs)}", f"{tool.needs[0]}: true"
    if tool.network and not has_network(needs):
        return "has no network", "network: {allow: [HOST]}"
    return None
