"""`runner down`: stop the server that `runner up` started."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from runner.cli.state import JSON, STATE


def down(state: Path = STATE, as_json: bool = JSON) -> None:
    """Stop the Prefect server that `runner up` started.

    Only the one of this state folder, and no other process. Its database stays.
    """
    from runner.flow import server

    record = server.stop(state)
    if as_json:
        typer.echo(json.dumps({"stopped": record is not None, "pid": record.pid if record else None}))
    elif record is None:
        typer.echo(f"no Prefect server of {state} is up")
    else:
        typer.echo(f"Prefect server stopped (pid {record.pid})")
