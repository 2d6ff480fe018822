"""`with-missing`: a template or a workflow is not given what it needs."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.rules.composition.givings import Giving, givings
from runner.compiler.rules.context import Context
from runner.compiler.suggest import listed, nearest
from runner.compiler.values import declared_types

CODE = "with-missing"


def _missing(one: Giving) -> list[str]:
    """What has no default and is not given. What a misspelt name means counts as given."""
    given = one.given.entries if one.given else {}
    meant = {near for name in given if name not in one.declared for near in nearest(name, one.declared)}
    return [name for name, schema in one.declared.items() if "default" not in schema and name not in {*given, *meant}]


def check(context: Context) -> list[Diagnostic]:
    """What has no default must be given with `with`."""
    found = []
    for one in givings(context):
        for name in _missing(one):
            kind = listed(declared_types(one.declared[name])) or "any type"
            message = f"the {one.noun} `{name}` of {one.whom} is missing ({kind})"
            found.append(error(CODE, message, one.at, f"give it: `with: {{{name}: …}}`"))
    return found
