"""`sandbox-host`: what a network allows is no host."""

from __future__ import annotations

import re

from runner.compiler.diagnostic import Diagnostic, Fix, error
from runner.compiler.rules.context import Context
from runner.compiler.spec.model import At
from runner.compiler.spec.read import child, texts

CODE = "sandbox-host"
_HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"(?:(?:[a-z][a-z0-9+.-]*:)?//)?(?:[^@/]*@)?([^/:?#]*)", re.IGNORECASE)
_ADDRESS = re.compile(r"[0-9.]+(?:/[0-9]{1,2})?|\[?[0-9a-fA-F:]*:[0-9a-fA-F:.]*\]?(?:/[0-9]{1,3})?")


def check(context: Context) -> list[Diagnostic]:
    """The hosts in `allow` are names, without scheme, port or path; a number stands for one machine."""
    found = []
    for sandbox in context.workflow.sandboxes.values():
        for at in texts(child(child(sandbox.node.get("needs"), "network"), "allow")):
            if not (_HOST.fullmatch(at.value) or _ADDRESS.fullmatch(at.value)):
                found.append(_finding(sandbox.id, at))
    return found


def _finding(sandbox: str, at: At[str]) -> Diagnostic:
    host = _host(at.value)
    if at.value == "*":
        hint, fix = 'every host is written `network: "*"`; better name those that are needed', None
    elif _HOST.fullmatch(host):
        hint = f"a host has no scheme, port or path: write `{host}`"
        fix = Fix(f"replace it by `{host}`", at.span, host)
    else:
        hint, fix = "a host is a name such as api.example.org, or *.example.org for those below it", None
    return error(CODE, f"`{at.value}` is no host (in `network` of the sandbox `{sandbox}`)", at.span, hint, fix=fix)


def _host(value: str) -> str:
    """The host in an address; "" where there is none."""
    found = _IN_ADDRESS.match(value)
    return found[1] if found else ""
