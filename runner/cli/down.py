"""`runner down`: stop what `runner up` started."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from runner.cli.state import JSON, STATE


def down(state: Path = STATE, as_json: bool = JSON) -> None:
    """Stop the Prefect server, or the whole stack, that `runner up` started.

    Only what is of this state folder, and no other process; also what is left of a stack whose supervisor was killed.
    Databases, boxes that rest and logs stay.
    """
    from runner.cli.stack import supervisor
    from runner.flow import server

    stack = supervisor.stop(state)
    record = server.stop(state)
    if stack is not None:
        names = [part.name for part in stack.parts if part.pid is not None]
        if as_json:
            typer.echo(json.dumps({"stopped": True, "pid": stack.pid, "services": names}))
        else:
            typer.echo(f"the stack is down (pid {stack.pid}): {', '.join(names)}")
    elif as_json:
        typer.echo(json.dumps({"stopped": record is not None, "pid": record.pid if record else None}))
    elif record is None:
        typer.echo(f"no Prefect server of {state} is up")
    else:
        typer.echo(f"Prefect server stopped (pid {record.pid})")
