"""`env-reserved`: a variable that runner sets itself is set in the spec."""

from __future__ import annotations

import re

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.document import Mapping, Node
from runner.compiler.rules.context import Context
from runner.compiler.spec.read import child

CODE = "env-reserved"
OURS = re.compile(r"RUNNER_(?:OUTPUT|ARTIFACTS|RUN|STEP|ATTEMPT|EXPR_\d+)")
MEANING = {
    "RUNNER_OUTPUT": "the file for the step's outputs",
    "RUNNER_ARTIFACTS": "the folder of upstream artifacts",
    "RUNNER_RUN": "the id of the run",
    "RUNNER_STEP": "the leg that is executed",
    "RUNNER_ATTEMPT": "the number of the attempt",
}


def check(context: Context) -> list[Diagnostic]:
    """`RUNNER_OUTPUT` and its like are set by runner after `env`: a value in the spec would never be seen."""
    if "RUNNER_" not in context.document.text:
        return []
    root = context.workflow.node
    places: list[Node | None] = [root]
    for section in ("steps", "sandboxes"):
        inner = root.get(section)
        places += [entry.value for entry in inner.entries.values()] if isinstance(inner, Mapping) else []
    places += [root.get(key) for key in ("defaults", "on_failure", "finally")]
    places += [template.body.get("step") for template in context.workflow.templates.values()]
    found = []
    for place in places:
        env = child(place, "env")
        for name, variable in env.entries.items() if isinstance(env, Mapping) else ():
            if OURS.fullmatch(name):
                meaning = MEANING.get(name, "the value of an expression")
                message = f"`{name}` is set by runner ({meaning}), so this value is never seen"
                found.append(error(CODE, message, variable.key.span, "give the variable another name"))
    return found
