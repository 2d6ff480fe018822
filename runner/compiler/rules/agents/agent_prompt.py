"""`agent-prompt`: a prompt holds text that somebody outside decides."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Severity
from runner.compiler.rules.agents.agent_approval import unapproved
from runner.compiler.rules.context import Context
from runner.compiler.rules.examined import span_of
from runner.compiler.rules.untrusted import sources, texts_in

CODE = "agent-prompt"


def check(context: Context) -> list[Diagnostic]:
    """A text in a prompt can say what the agent should do: what agents wrote and what events carry is not meant to."""
    if not any(step.kind == "agent" for step in context.workflow.all_steps):
        return []
    known = sources(context)
    told = {finding.span for finding in unapproved(context, "")}
    found = []
    for one in context.examined:
        if one.found.use.place != "prompt":
            continue
        for reference, source in texts_in(one.found.text, known):
            span = span_of(context.document, one.found, reference.start, reference.end)
            if source.who in ("agent", "event") and span not in told:
                message = f"`{reference}` may hold instructions of its own: {source.words} (in {one.where})"
                hint = "say in the prompt where it begins and ends and that it is data; or narrow its type by `enum`"
                found.append(Diagnostic(CODE, Severity.INFO, message, span, hint))
    return found
