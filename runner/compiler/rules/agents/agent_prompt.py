"""`agent-prompt`: a prompt holds text that somebody outside decides."""

from __future__ import annotations

import re

from runner.compiler.diagnostic import Diagnostic, Severity
from runner.compiler.expressions.scan import CLOSE, OPEN
from runner.compiler.expressions.uses import Found
from runner.compiler.rules.agents.agent_approval import unapproved
from runner.compiler.rules.context import Context
from runner.compiler.rules.examined import span_of
from runner.compiler.rules.untrusted import sources, texts_in
from runner.compiler.spec.read import texts

CODE = "agent-prompt"
_BEGINS = re.compile(r"(?:```\w*|~~~|\"\"\"|---|<[A-Za-z][\w-]*>)\s*$")
_ENDS = re.compile(r"\s*(?:```|~~~|\"\"\"|---|</[A-Za-z])")


def check(context: Context) -> list[Diagnostic]:
    """A text in a prompt can say what the agent should do: what agents wrote and what events carry is not meant to."""
    if not any(step.kind == "agent" for step in context.workflow.all_steps):
        return []
    known = sources(context)
    told = {finding.span for finding in unapproved(context, "")}
    acting = _acting(context)
    found = []
    for one in context.examined:
        if one.found.use.place != "prompt" or _framed(one.found):
            continue
        for reference, source in texts_in(one.found.text, known):
            span = span_of(context.document, one.found, reference.start, reference.end)
            misleads = source.who == "event" or (source.who == "agent" and id(one.found.use.node) in acting)
            if misleads and span not in told:
                message = f"`{reference}` may hold instructions of its own: {source.words} (in {one.where})"
                hint = "put it between <data> and </data>, and say that it is data; or narrow its type by `enum`"
                found.append(Diagnostic(CODE, Severity.INFO, message, span, hint))
    return found


def _acting(context: Context) -> set[int]:
    """The prompts, by their identity, of agents with tools: the others can do nothing but answer."""
    agents = context.workflow.agents
    return {
        id(step.node.get("prompt"))
        for step in context.workflow.all_steps
        if step.agent and step.agent.value in agents and texts(agents[step.agent.value].node.get("tools"))
    }


def _framed(found: Found) -> bool:
    """Whether a prompt says where the value begins and ends: <data> and </data>, ``` and the like."""
    prompt = str(found.use.node.value)
    before, after = prompt[: found.start - len(OPEN)], prompt[found.start + len(found.text) + len(CLOSE) :]
    return bool(_BEGINS.search(before[-80:]) and _ENDS.match(after))
