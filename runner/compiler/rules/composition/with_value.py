"""`with-value`: a value given to a template or to a workflow does not fit what it is given for."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.rules.composition.given import misfits
from runner.compiler.rules.composition.givings import givings
from runner.compiler.rules.context import Context

CODE = "with-value"


def check(context: Context) -> list[Diagnostic]:
    """A value must be of the declared type; an expression must be able to give one that is."""
    return [
        error(
            CODE,
            f"the {one.noun} `{name}` of {one.whom} does not fit: {sentence}",
            span,
            "change the value, or the declared type",
        )
        for one in givings(context)
        for name, entry in (one.given.entries.items() if one.given else ())
        if name in one.declared
        for span, sentence in misfits(context, one.declared[name], entry.value, one.step)
    ]
