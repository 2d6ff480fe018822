"""`runner up`: start a Prefect server in the background."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from runner.cli.state import JSON, STATE


def up(
    state: Path = STATE,
    port: int | None = typer.Option(
        None,
        "--port",
        min=1,
        max=65535,
        help="Port on loopback; without it 4200, or a free one when that is taken.",
    ),
    as_json: bool = JSON,
) -> None:
    """Start a Prefect server in the background.

    It is tuned for many short steps, and listens on loopback only. Nothing happens when it is up already.
    """
    from runner.flow import server

    if not as_json and server.running(state) is None:
        typer.echo("starting a Prefect server (the first start makes its database, 10 to 20 s) …", err=True)
    record, already = server.start(state, port)
    if as_json:
        body = {
            "already_up": already,
            "pid": record.pid,
            "port": record.port,
            "api_url": record.api_url,
            "ui_url": record.ui_url,
            "log": str(server.log_path(state)),
        }
        typer.echo(json.dumps(body))
        return
    typer.echo(f"Prefect server {'already up' if already else 'up'} (pid {record.pid}), pages on {record.ui_url}")
    typer.echo(f"export PREFECT_API_URL={record.api_url}")
