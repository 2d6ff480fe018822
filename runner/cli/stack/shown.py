"""A stack as it is shown: as a table, as JSON, as lines for a shell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from runner.cli.stack import record
from runner.cli.stack.record import Stack
from runner.cli.table import render
from runner.compiler.canonical import Json
from runner.compiler.renderers.text import harmless
from runner.errors import ServiceError, UsageError
from runner.flow import server

_SAYS = {"failed": "has failed", "waiting": "waits for another"}


def table(stack: Stack) -> str:
    """The services with their addresses, states and logs; below it why some are not healthy, or were started again."""
    rows = [(part.name, part.address or "–", part.state, part.log or "–") for part in stack.parts]
    why = [f"{part.name}: {harmless(part.why)}" for part in stack.parts if part.why]
    again = [
        f"{part.name}: restarts: {part.restarts}, the last one because it {harmless(part.last)}"
        for part in stack.parts
        if part.restarts and not part.why
    ]
    return "\n".join((render(("service", "address", "state", "log"), rows), *why, *again))


def body(stack: Stack, state: Path, *, already: bool) -> dict[str, Json]:
    """The same for programs."""
    prefect = server.running(state)
    return {
        "already_up": already,
        "pid": stack.pid,
        "healthy": not stack.troubled,
        "api_url": None if prefect is None else prefect.api_url,
        "ui_url": None if prefect is None else prefect.ui_url,
        "log": str(record.log_path(state, "supervisor")),
        "services": [asdict(part) for part in stack.parts],
    }


def exports(state: Path) -> dict[str, str]:
    """What leads commands to what is up: a stack, or a server alone. Raises UsageError when nothing is."""
    stack = record.read(state)
    if stack is not None and stack.lives:
        return dict(record.read_private(state).exports)
    prefect = server.running(state)
    if prefect is None:
        raise UsageError(f"nothing of {state} is up", "runner up --detach --print-env")
    return {"RUNNER_STATE": str(state.absolute()), "PREFECT_API_URL": prefect.api_url}


def lines(values: Mapping[str, str], *, as_json: bool) -> str:
    """Variables for `eval` in a shell, or as one JSON object."""
    if as_json:
        return json.dumps(dict(values))
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())


def failed(stack: Stack) -> ServiceError:
    """The error of a stack of which a part is not healthy; the rest of it stays up."""
    words = "; ".join(f"{part.name} {_SAYS[part.state]}" for part in stack.troubled)
    logs = " ".join(part.log for part in stack.troubled if part.state == "failed")
    return ServiceError(f"not all of the stack is healthy: {words}", f"less {logs}; runner down stops the rest of it")
