"""`agent-tool`: a tool that does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Fix, error
from runner.compiler.rules.agents.tools import MCP, TOOLS, split
from runner.compiler.rules.context import Context
from runner.compiler.spec.model import At
from runner.compiler.spec.read import at_text, child, texts
from runner.compiler.suggest import certain, did_you_mean, listed, nearest

CODE = "agent-tool"
_OF_A_SERVER = f"`{MCP}NAME` for those of a server"


def check(context: Context) -> list[Diagnostic]:
    """What `tools` of an agent and `tool` of a step name must be a tool, or one of its functions (`files.read`)."""
    workflow = context.workflow
    named = [
        (at, f"the agent `{agent.id}`") for agent in workflow.agents.values() for at in texts(agent.node.get("tools"))
    ]
    for step in workflow.all_steps:
        at = at_text(child(step.action, "name")) if step.kind == "tool" else None
        named += [(at, f"the step `{step.id}`")] if at else []
    return [finding for at, where in named for finding in _wrong(at, where)]


def _wrong(at: At[str], where: str) -> Iterator[Diagnostic]:
    name = at.value
    tool, function = split(name)
    if name.startswith(MCP):
        if name == MCP:
            yield error(
                CODE, f"`{MCP}` names no server (in {where})", at.span, f"write `{MCP}NAME`, such as `mcp:github`"
            )
    elif tool not in TOOLS:
        near = nearest(tool, TOOLS)
        fix = (
            Fix(
                f"replace it by `{near[0]}`",
                at.span,
                near[0] + name[len(tool) :],
                safe=not function and certain(tool, TOOLS),
            )
            if near
            else None
        )
        hint = did_you_mean(tool, TOOLS) or f"tools are {listed(TOOLS, 'and')}, and {_OF_A_SERVER}"
        yield error(CODE, f"there is no tool `{name}` (in {where})", at.span, hint, fix=fix)
    elif function and function not in TOOLS[tool].functions:
        functions = TOOLS[tool].functions
        near = nearest(function, functions)
        fix = (
            Fix(
                f"replace it by `{tool}.{near[0]}`",
                at.span,
                f"{tool}.{near[0]}",
                safe=certain(function, TOOLS[tool].functions),
            )
            if near
            else None
        )
        hint = f"did you mean `{tool}.{near[0]}`?" if near else f"it has {listed(functions, 'and')}"
        yield error(CODE, f"the tool `{tool}` has no function `{function}` (in {where})", at.span, hint, fix=fix)
