"""`secret-exposed`: a secret where it could be seen: a command, a prompt, a matrix, a key, the box of an agent."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Span, error, warning
from runner.compiler.document import Scalar
from runner.compiler.expressions.scan import references
from runner.compiler.expressions.uses import Use, found_in
from runner.compiler.plan.workload import sandbox_of
from runner.compiler.rules.context import Context
from runner.compiler.rules.examined import exposed, span_of

CODE = "secret-exposed"
_HINT = "secrets go into `env` or `stdin`; the command reads the variable"
#: What to do, by the beginning of the place's name.
_HINTS = {
    "with": "declare the secret where it is used: under `secrets` of the workflow, or in `env` of the template's step",
    "prompt": "an agent needs no secrets: let a `run` step do what needs one, and tell the agent the outcome",
    "tool": "an agent's tool needs no secrets: let a `run` step do what needs one",
    "matrix": "the values of a matrix name its legs; put the secret into `env` of the step",
    "for_each": "the items name the legs; put the secret into `env` of the step",
    "cache": "a key is stored as it is; name what the result depends on: files, versions",
    "concurrency": "the name of a group is shown; take an input",
    "files": "a path is shown; a file with credentials goes through `env` or `stdin` instead",
    "if": "conditions are stored as they are; make it an input whether the step runs",
    "approve": "the question and its answer are kept for good; ask without the secret",
}


def check(context: Context) -> list[Diagnostic]:
    """Secrets may be used in `env` and `stdin` only, and not in `env` of an agent."""
    if not context.workflow.secrets and "secrets" not in context.document.text:
        return []
    found = []
    for one in context.examined:
        for reference in exposed(one):
            span = span_of(context.document, one.found, reference.start, reference.end)
            message = f"the secret `{reference}` would be seen by others in {one.where}"
            hint = next((hint for first, hint in _HINTS.items() if one.found.use.place.startswith(first)), _HINT)
            found.append(error(CODE, message, span, hint))
    return [*found, *_agents(context)]


def _agents(context: Context) -> Iterator[Diagnostic]:
    """What an agent's commands see, the agent can say: a text that it reads may ask it to."""
    workflow = context.workflow
    for step in workflow.all_steps:
        if step.kind != "agent":
            continue
        box = workflow.sandboxes.get(sandbox_of(workflow, step) or "")
        places = {f"`env.{name}`": node for name, node in step.env.items()}
        places |= {f"`env.{name}` of the sandbox": node for name, node in (box.env if box else {}).items()}
        for place, node in places.items():
            for name, span in _secrets(context, node):
                agent = step.agent.value if step.agent else ""
                message = f"the agent `{agent}` can read the secret `{name}` through {place} (in the step `{step.id}`)"
                yield warning(
                    CODE, message, span, "let a `run` step do what needs the secret, and keep it from the agent"
                )


def _secrets(context: Context, node: Scalar) -> Iterator[tuple[str, Span]]:
    for one in found_in(Use(node, "text", "env")) if isinstance(node.value, str) else ():
        for reference in references(one.text):
            if reference.path[0] == "secrets":
                yield str(reference), span_of(context.document, one, reference.start, reference.end)
