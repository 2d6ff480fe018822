"""`sandbox-template`: a template without a version."""

from __future__ import annotations

import re

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.rules.context import Context
from runner.compiler.spec.read import at_text, child

CODE = "sandbox-template"
_PINNED = re.compile(r".+@sha256:[0-9a-f]{64}|.+:(?!latest$|stable$|main$|default$)[^:@/]*|[a-z0-9]{20}")


def check(context: Context) -> list[Diagnostic]:
    """A template should be pinned, by version, digest or id: otherwise it changes under the spec's feet."""
    found = []
    for sandbox in context.workflow.sandboxes.values():
        at = at_text(child(sandbox.node.get("needs"), "template"))
        if at is not None and not _PINNED.fullmatch(at.value):
            message = (
                f"the template `{at.value}` of the sandbox `{sandbox.id}` is not pinned: it may change from run to run"
            )
            name = at.value.partition(":")[0]
            found.append(
                warning(CODE, message, at.span, f"name a version or a digest: `{name}:1.4`, `{name}@sha256:…`")
            )
    return found
