"""`secret-file`: a file that holds credentials is copied into a box."""

from __future__ import annotations

import posixpath
from fnmatch import fnmatchcase

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.rules.context import Context

CODE = "secret-file"
#: Files in which tools keep credentials, by name or by the end of their path.
_NAMES = (
    *(".env", ".env.*", ".netrc", "_netrc", ".npmrc", ".pypirc", ".pgpass", ".git-credentials", ".htpasswd"),
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "*.pem", "*.p12", "*.pfx", "*.key", "*.keystore", "*.kdbx"),
    *("credentials.json", "service-account*.json", "*secrets.y*ml", "secrets.json", "secrets.toml", ".vault-token"),
)
_ENDS = (".aws", ".aws/credentials", ".ssh", ".gnupg", ".kube", ".kube/config", ".docker/config.json", ".azure")
_HARMLESS = (".example", ".sample", ".template", ".dist", ".pub")


def check(context: Context) -> list[Diagnostic]:
    """Credentials go through `secrets` and `env`: a file is read by whatever runs in the box, and not masked."""
    found = []
    for step in context.workflow.all_steps:
        for copy in step.files:
            source = str(copy.source.value).rstrip("/")
            if source and _holds_credentials(source):
                message = f"`{posixpath.basename(source)}` usually holds credentials, and is copied into the box"
                hint = "declare what the step needs under `secrets`, and hand it on in `env`"
                found.append(warning(CODE, f"{message} (in `files` of the step `{step.id}`)", copy.source.span, hint))
    return found


def _holds_credentials(path: str) -> bool:
    name = posixpath.basename(path)
    if name.endswith(_HARMLESS):
        return False
    return any(fnmatchcase(name, pattern) for pattern in _NAMES) or any(
        path == end or path.endswith(f"/{end}") for end in _ENDS
    )
