"""`credential-literal`: something that looks like a key or token stands in the spec."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.document import Mapping, Node, Scalar, Sequence
from runner.compiler.expressions.place import locate
from runner.compiler.rules.context import Context

CODE = "credential-literal"
_PATTERN = re.compile(
    r"""\b(?:
        gh[pousr]_[A-Za-z0-9]{36,} | github_pat_\w{22,} | glpat-[\w-]{20,}
      | sk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,} | e2b_[a-f0-9]{32,}
      | AKIA[0-9A-Z]{16} | ASIA[0-9A-Z]{16} | AIza[\w-]{35}
      | xox[abprs]-[A-Za-z0-9-]{10,} | npm_[A-Za-z0-9]{36} | pypi-[\w-]{50,} | hf_[A-Za-z0-9]{30,}
      | [rs]k_live_[A-Za-z0-9]{20,}
    )| -----BEGIN[ ](?:[A-Z]+[ ])?PRIVATE[ ]KEY-----""",
    re.VERBOSE,
)


def _scalars(node: Node | None) -> Iterator[Scalar]:
    todo = [node]
    while todo:
        one = todo.pop()
        if isinstance(one, Scalar) and isinstance(one.value, str):
            yield one
        elif isinstance(one, Sequence):
            todo += one.items
        elif isinstance(one, Mapping):
            todo += [entry.value for entry in one.entries.values()]


def check(context: Context) -> list[Diagnostic]:
    """Credentials are never written into a spec; the message does not repeat them."""
    found = []
    for scalar in _scalars(context.document.root):
        for match in _PATTERN.finditer(str(scalar.value)):
            message = f"this looks like a credential (`{match[0][:4]}…`); a spec is read by many"
            hint = "revoke it, keep the new one in an environment variable, and declare it under `secrets`"
            found.append(error(CODE, message, locate(context.document, scalar, *match.span()), hint))
    return found
