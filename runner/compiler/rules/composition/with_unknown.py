"""`with-unknown`: a value is given that nobody asks for."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Fix, error
from runner.compiler.document import Scalar
from runner.compiler.rules.composition.givings import Giving, givings
from runner.compiler.rules.context import Context
from runner.compiler.suggest import certain, did_you_mean, existing, nearest

CODE = "with-unknown"


def check(context: Context) -> list[Diagnostic]:
    """`with` may give only what the template, or the workflow, declares."""
    return [
        _finding(one, entry.key)
        for one in givings(context)
        for name, entry in (one.given.entries.items() if one.given else ())
        if name not in one.declared
    ]


def _finding(one: Giving, key: Scalar) -> Diagnostic:
    free = [name for name in one.declared if one.given is None or name not in one.given.entries]
    near = nearest(key.text, free)
    fix = Fix(f"rename it to `{near[0]}`", key.span, near[0], safe=certain(key.text, free)) if near else None
    names = f"; {existing(one.declared)}" if existing(one.declared) else ""
    hint = did_you_mean(key.text, free) or "remove it"
    return error(CODE, f"{one.whom} has no {one.noun} `{key.text}`{names}", key.span, hint, fix=fix)
