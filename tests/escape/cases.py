"""The cases of the escape suite: each hostile program, what it tries, and what must be true afterwards.

A case is one file. In `programs/` it runs in a box and begins with lines `# key: value`; in `clients/` it is a client
of the endpoint, on the host, and its docstring holds them. Keys: `tries`, `must`; `as` the box's users (default
`user`); `runs: background` for one that does not end by itself; `host` what is looked at on the host besides;
`leaves` what is looked for there; `needs: egress` for an endpoint that lets boxes out,
`needs: cgroups` and `needs: range` for what is not defended without.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
_KEY = re.compile(r"^(?:# )?(tries|must|as|runs|host|leaves|needs): (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Case:
    """One hostile program."""

    path: Path
    said: dict[str, str] = field(repr=False, hash=False)

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def users(self) -> list[str]:
        return self.said.get("as", "user").split(", ")

    @property
    def background(self) -> bool:
        return self.said.get("runs") == "background"


def cases(folder: str) -> list[Case]:
    """All cases of `programs` or `clients`, by name."""
    files = sorted(path for path in (HERE / folder).iterdir() if path.suffix in (".py", ".sh"))
    return [Case(path, dict(_KEY.findall(path.read_text()))) for path in files if path.name != "attempt.py"]


def table() -> str:
    """The cases as docs/security.md lists them."""
    rows = ["| case | as | tries | must |", "|---|---|---|---|"]
    for folder in ("programs", "clients"):
        for case in cases(folder):
            who = "client" if folder == "clients" else ", ".join(case.users)
            rows.append(f"| `{case.name}` | {who} | {case.said['tries']} | {case.said['must']} |")
    return "\n".join(rows)
