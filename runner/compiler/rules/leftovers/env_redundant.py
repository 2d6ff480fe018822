"""`env-redundant`: a variable of a step that has the value that it has anyway."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Related, Severity
from runner.compiler.document import Mapping, Node, Scalar
from runner.compiler.rules.context import Context
from runner.compiler.spec.read import child, scalar_text

CODE = "env-redundant"


def _own(context: Context) -> list[tuple[str, Node | None]]:
    """The environments as they are written, without what is inherited."""
    root = context.workflow.node
    steps = root.get("steps")
    found: list[tuple[str, Node | None]] = [("`defaults`", child(root.get("defaults"), "env"))]
    found += [(f"`{hook}`", child(root.get(hook), "env")) for hook in ("on_failure", "finally")]
    if isinstance(steps, Mapping):
        found += [(f"`{id_}`", child(entry.value, "env")) for id_, entry in steps.entries.items()]
    return found


def _same(left: Node, right: Node) -> bool:
    return isinstance(left, Scalar) and isinstance(right, Scalar) and scalar_text(left) == scalar_text(right)


def check(context: Context) -> list[Diagnostic]:
    """What is said for all steps need not be said again. A template may differ in between, so its users may."""
    root = context.workflow.node
    whole, usual = root.get("env"), child(root.get("defaults"), "env")
    if not isinstance(whole, Mapping) and not isinstance(usual, Mapping):
        return []
    found = []
    for where, env in _own(context):
        for name, entry in env.entries.items() if isinstance(env, Mapping) else ():
            above = next(
                (
                    each
                    for each in (usual, whole)
                    if isinstance(each, Mapping) and each is not env and name in each.entries
                ),
                None,
            )
            if above is not None and _same(above.entries[name].value, entry.value):
                message = f"the variable `{name}` of {where} has this value without it too"
                related = (Related("all steps have it from here", above.entries[name].key.span),)
                found.append(Diagnostic(CODE, Severity.INFO, message, entry.key.span, "remove it", related))
    return found
