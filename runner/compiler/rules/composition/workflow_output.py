"""`workflow-output`: an output of the workflow does not fit its type, or cannot be handed on."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Span, error
from runner.compiler.document import Scalar
from runner.compiler.expressions.scan import references
from runner.compiler.family import result_type
from runner.compiler.rules.composition.given import misfits
from runner.compiler.rules.context import Context
from runner.compiler.spec import Named
from runner.compiler.spec.refer import referred_output

CODE = "workflow-output"
_ABOUT = ("value", "title", "description", "examples")


def check(context: Context) -> list[Diagnostic]:
    """The value of an output must fit the type that is written; an artifact is handed on by itself."""
    return [
        error(CODE, f"the output `{named.id}` of the workflow {sentence}", span, hint)
        for named in context.workflow.outputs.values()
        for span, sentence, hint in _problems(context, named)
    ]


def _problems(context: Context, named: Named) -> Iterator[tuple[Span, str, str]]:
    value = named.body.get("value")
    if not isinstance(value, Scalar):
        return
    files = _artifacts(context, value)
    written = {key: one for key, one in named.plain.items() if key not in _ABOUT}
    if result_type(context.workflow, named).artifact is not None:
        if written:
            yield value.span, "is an artifact, which has no type", f"remove `{next(iter(written))}`"
    elif files:
        hint = "name the artifact of one step alone: ${{ steps.STEP.outputs.NAME }}"
        yield value.span, f"uses the folder of the artifact `{files[0]}`, which is gone when the run has ended", hint
    else:
        for span, sentence in misfits(context, written, value):
            yield span, f"does not fit: {sentence}", "change the value, or the type"


def _artifacts(context: Context, value: Scalar) -> list[str]:
    """The artifacts that the expressions of a value name."""
    every = [ref for one in context.verdicts.get(id(value), []) for ref in references(one.found.text)]
    found = [(str(ref), referred_output(context.workflow, ref.path)) for ref in every]
    return [name for name, output in found if output is not None and output[1].artifact]
