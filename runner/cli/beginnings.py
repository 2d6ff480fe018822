"""`runner run --from-snapshot`: which sandbox's boxes begin with which files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

from runner.cli.snapshot import read_tar, snapshot_of
from runner.compiler.plan.model import Plan
from runner.errors import UsageError
from runner.run import artifacts, support
from runner.run.snapshots import Beginning

_NAMED = re.compile(r"(?P<sandbox>[a-z][a-z0-9_]*)=(?P<source>.+)", re.DOTALL)
_HINT = "Write RUN:STEP (RUN may be `last`) or FILE.tar, with SANDBOX= before it where the spec has several sandboxes."


def beginnings(plan: Plan, state: Path, wanted: Sequence[str]) -> dict[str, Beginning]:
    """The files that boxes begin with, by their sandboxes. Raises UsageError, StoreError."""
    found: dict[str, Beginning] = {}
    for text in wanted:
        named = _NAMED.fullmatch(text)
        sandbox, source = (named["sandbox"], named["source"]) if named else (None, text)
        tar, by_step = _read(state, source)
        name = _sandbox(plan, sandbox, by_step, text)
        if name in found:
            raise UsageError(f"--from-snapshot {text}: the sandbox {name} begins with {found[name].source} already")
        found[name] = Beginning(tar, source)
    return found


def _read(state: Path, source: str) -> tuple[bytes, str | None]:
    """A tar, and the sandbox that it is from where that is known."""
    run, colon, step = source.partition(":")
    if source.endswith(".tar"):
        if not Path(source).is_file():
            raise UsageError(f"--from-snapshot {source}: there is no such file", _HINT)
        return read_tar(Path(source)), None
    if not (run and colon and step):
        raise UsageError(f"--from-snapshot {source} names neither a step of a run nor a tar", _HINT)
    about = asyncio.run(snapshot_of(state, run, step))
    return artifacts.load(state / "artifacts", str(about["digest"])), str(about.get("sandbox"))


def _sandbox(plan: Plan, named: str | None, by_step: str | None, text: str) -> str:
    known = support.box_sandboxes(plan)
    if named is not None and named not in known:
        raise UsageError(f"--from-snapshot {text}: no step runs in a sandbox {named}; there are {', '.join(known)}")
    if named is not None:
        return named
    if by_step in known:
        return str(by_step)
    if len(known) == 1:
        return known[0]
    raise UsageError(f"--from-snapshot {text}: which sandbox begins with it? There are {', '.join(known)}", _HINT)
