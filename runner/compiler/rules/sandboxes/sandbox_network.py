"""`sandbox-network`: a box that may reach every host."""

from __future__ import annotations

import re

from runner.compiler.diagnostic import Diagnostic, Fix, Severity
from runner.compiler.document import Scalar
from runner.compiler.plan.workload import sandbox_of
from runner.compiler.rules.context import Context
from runner.compiler.spec.model import SandboxDecl
from runner.compiler.spec.read import child, scalar_text

CODE = "sandbox-network"
_ALL = "*"


def check(context: Context) -> list[Diagnostic]:
    """A sandbox should name the hosts it reaches: what runs in it could send what it sees anywhere."""
    found = []
    for sandbox in context.workflow.sandboxes.values():
        network = child(sandbox.node.get("needs"), "network")
        if not isinstance(network, Scalar) or network.value != _ALL:
            continue
        hosts = _hosts(context, sandbox)
        written = f"{{allow: [{', '.join(hosts or ['HOST'])}]}}"
        seen = " (these stand in its steps)" if hosts else ""
        message = f"the sandbox `{sandbox.id}` may reach every host: what runs in it can send anything anywhere"
        hint = f"name the hosts: network: {written}{seen}"
        fix = Fix(f"replace it by `{written}`", network.span, written, safe=False) if hosts else None
        found.append(Diagnostic(CODE, Severity.WARNING, message, network.span, hint, (), fix))
    return found


def _hosts(context: Context, sandbox: SandboxDecl) -> list[str]:
    """The hosts of the addresses in the texts of the steps that run in this sandbox."""
    found: list[str] = []
    for step in context.workflow.all_steps:
        if sandbox_of(context.workflow, step) == sandbox.id:
            node = step.action if isinstance(step.action, Scalar) else child(step.action, "code")
            text = scalar_text(node) if isinstance(node, Scalar) else ""
            found += re.findall(r"\bhttps?://(?:[^\s/@'\"]*@)?([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)", text)
    return list(dict.fromkeys(host.lower() for host in found))
