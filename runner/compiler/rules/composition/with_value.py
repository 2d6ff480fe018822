"""`with-value`: a value given to a template or to a workflow does not fit what it is given for."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error, warning
from runner.compiler.rules.composition.given import doubts, misfits
from runner.compiler.rules.composition.givings import givings
from runner.compiler.rules.context import Context

CODE = "with-value"
_HINT = "change the value, or the declared type"


def check(context: Context) -> list[Diagnostic]:
    """A value must be of the declared type; an expression must be able to give one that is, and should give no other.

    A step with an `if` may know better which values it is given.
    """
    found = []
    for one in givings(context):
        for name, entry in one.given.entries.items() if one.given else ():
            if name not in one.declared:
                continue
            what, schema = f"the {one.noun} `{name}` of {one.whom}", one.declared[name]
            for span, sentence in misfits(context, schema, entry.value, one.step):
                found.append(error(CODE, f"{what} does not fit: {sentence}", span, _HINT))
            for span, sentence in doubts(context, schema, entry.value, one.step) if one.step.condition is None else ():
                hint = "narrow the type where the value comes from, or guard the step with `if`"
                found.append(warning(CODE, f"{what} may not fit: {sentence}", span, hint))
    return found
