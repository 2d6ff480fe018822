"""`trigger-inputs`: a trigger gives inputs that do not fit."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.rules.composition.given import misfits
from runner.compiler.rules.context import Context, unknown
from runner.compiler.spec import At
from runner.compiler.spec.read import child, items, mapping, text
from runner.compiler.suggest import listed

CODE = "trigger-inputs"


def check(context: Context) -> list[Diagnostic]:
    """The inputs of a trigger must be declared and fit, and every input without a default must be given."""
    inputs = context.workflow.inputs
    found = []
    for trigger in items(context.workflow.node.get("triggers")):
        given = mapping(child(trigger, "inputs"))
        name = text(child(trigger, "id"))
        for key, entry in given.entries.items() if given else ():
            if key not in inputs:
                at = At(key, entry.key.span)
                found.append(unknown(CODE, "the input", at, list(inputs), "declare it under `inputs`"))
                continue
            for span, sentence in misfits(context, inputs[key].plain, entry.value):
                message = f"the input `{key}` of the trigger `{name}` does not fit: {sentence}"
                found.append(error(CODE, message, span, "change the value, or the type of the input"))
        needed = [one.id for one in inputs.values() if "default" not in one.plain]
        missing = [one for one in needed if one not in (given.entries if given else {})]
        if missing and mapping(trigger) is not None:
            node = child(trigger, "id") or trigger
            message = f"the trigger `{name}` does not give {listed(missing, 'and')}, which a run needs"
            found.append(error(CODE, message, node.span, "give it under `inputs`, or declare a default"))
    return found
