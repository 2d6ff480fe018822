"""A plan as a Mermaid flowchart: phases are boxes, steps are nodes, edges say what waits for what."""

from __future__ import annotations

from runner.compiler.plan.model import Plan, PlanStep


def _quoted(text: str) -> str:
    """Text inside a node's quotes; Mermaid knows HTML entities."""
    for sign, entity in (("&", "&amp;"), ('"', "&quot;"), ("<", "&lt;"), (">", "&gt;"), ("\n", " ")):
        text = text.replace(sign, entity)
    return text


def _node(step: PlanStep) -> str:
    words = " ".join(part for part in (step.ref, step.title or step.id) if part)
    if step.is_matrix or step.for_each is not None:
        words += f" × {'?' if step.legs is None else len(step.legs)}"
    shape = ("{{", "}}") if step.kind == "approve" else ("[", "]")
    # The prefix keeps ids such as `end`, a word of Mermaid, harmless.
    return f's_{step.id}{shape[0]}"{_quoted(words)}"{shape[1]}'


def _phase_title(plan: Plan, phase: str) -> str:
    phases = plan.extra.get("phases")
    body = phases.get(phase) if isinstance(phases, dict) else None
    title = body.get("title") if isinstance(body, dict) else None
    return title if isinstance(title, str) else phase


def render(plan: Plan) -> str:
    """The flowchart, ending with a line break."""
    lines = ["flowchart LR"]
    for phase in dict.fromkeys(step.phase for step in plan.steps):
        nodes = [_node(step) for step in plan.steps if step.phase == phase]
        if phase is None:
            lines += [f"  {node}" for node in nodes]
        else:
            lines.append(f'  subgraph p_{phase}["{_quoted(_phase_title(plan, phase))}"]')
            lines += [f"    {node}" for node in nodes]
            lines.append("  end")
    for step in plan.steps:
        arrow = "-.->" if step.condition is not None else "-->"
        lines += [f"  s_{upstream} {arrow} s_{step.id}" for upstream in step.after]
    return "\n".join(lines) + "\n"
