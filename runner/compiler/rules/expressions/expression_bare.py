"""`expression-bare`: `${{ }}` around a condition, or an expression in another language's brackets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Fix, Span, error
from runner.compiler.expressions.place import locate
from runner.compiler.expressions.scan import foreign, pieces
from runner.compiler.expressions.uses import Use, step_uses, workflow_env_uses
from runner.compiler.rules.context import Context
from runner.compiler.rules.examined import Examined, span_of
from runner.compiler.spec import StepSpec

CODE = "expression-bare"
_EXAMPLE = "inputs.target == 'prod'"
_LONGEST = 100
_BRACKETS = re.compile(r"""(['"]?)\$\{\{\s*(.*?)\s*\}\}\1""", re.DOTALL)


# ---------------------------------------------------------------- too much: `${{ }}` around a condition


def _wrapped(context: Context, one: Examined) -> Diagnostic:
    span = span_of(context.document, one.found)
    message = f"here the whole text is an expression, without `${{{{ }}}}` (in {one.where})"
    bare = " ".join(_BRACKETS.sub(r"\2", one.found.text).split())
    hint = f"write the bare expression: {bare if len(bare) <= _LONGEST else _EXAMPLE}"
    return error(CODE, message, span, hint, fix=_unwrapped(one, span))


def _unwrapped(one: Examined, span: Span) -> Fix | None:
    """The edit that takes the brackets away, where what is left can stand in the same quotes, or without."""
    text, quote = one.found.text.strip(), one.found.use.node.style
    inside = text[3:-2].strip()
    if not (text.startswith("${{") and text.endswith("}}")) or re.search(r"\n|\$\{\{", inside):
        return None
    fits = {
        "": re.match("[a-z]", inside) and not re.search(": | #", inside),
        '"': not re.search(r'["\\]', inside),
        "'": "'" not in inside,
    }
    return Fix("take the brackets away", span, inside) if fits.get(quote) else None


# ---------------------------------------------------------------- too little: brackets of other languages


def _names(context: Context, step: StepSpec) -> set[str]:
    """The beginnings of all names that the step may use."""
    workflow = context.workflow
    found = {f"inputs.{name}" for name in workflow.inputs} | {f"secrets.{name}" for name in workflow.secrets}
    found |= {f"steps.{name}" for name in workflow.steps} | {"run.id", "run.name"}
    found |= {f"matrix.{name}" for name in (step.matrix.axes if step.matrix else ())}
    params = [template.plain.get("params") for template in step.templates]
    return found | {f"params.{name}" for one in params if isinstance(one, dict) for name in one}


def _commented(text: str, at: int) -> bool:
    return text[text.rfind("\n", 0, at) + 1 : at].lstrip().startswith("#")


def _foreign(context: Context, use: Use, names: set[str]) -> Iterator[Diagnostic]:
    text = use.node.value
    if not isinstance(text, str) or use.mode not in ("text", "shell", "cache"):
        return
    ours = [(piece.start, piece.start + len(piece.text)) for piece in pieces(text) if piece.is_expression]
    for one in foreign(text):
        written = text[one.start : one.end]
        known = ".".join(one.path[:2]) in names
        inside = any(start <= one.start < end for start, end in ours)
        if not known or inside or (use.mode == "shell" and _commented(text, one.start)):
            continue
        span = locate(context.document, use.node, one.start, one.end)
        meant = f"${{{{ {one} }}}}"
        fix = Fix(f"write {meant}", span, meant, safe=False)
        message = f"`{written}` is not filled in: an expression is written `{meant}`"
        yield error(CODE, message, span, f"write {meant}", fix=fix)


def check(context: Context) -> list[Diagnostic]:
    """Conditions are written bare, everything else between `${{` and `}}`."""
    found = [
        _wrapped(context, one)
        for one in context.examined
        if one.found.use.mode == "bool" and one.found.closed and "${{" in one.found.text
    ]
    if foreign(context.document.text):
        for step in context.workflow.all_steps:
            names = _names(context, step)
            for use in [*step_uses(step), *workflow_env_uses(context.workflow)]:
                found += _foreign(context, use, names)
    return found
