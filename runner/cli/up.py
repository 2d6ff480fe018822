"""`runner up`: start a Prefect server in the background, or the whole stack."""

from __future__ import annotations

import contextlib
import json
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from runner.cli.state import JSON, STATE
from runner.errors import UsageError

if TYPE_CHECKING:
    from runner.cli.stack.record import Stack
    from runner.cli.stack.services import Wishes


def up(  # noqa: PLR0913 - one parameter per option
    state: Path = STATE,
    port: int | None = typer.Option(
        None,
        "--port",
        min=1,
        max=65535,
        help="Prefect's port on loopback; without it 4200, or a free one when that is taken.",
    ),
    everything: bool = typer.Option(
        False, "--all", help="The whole stack, looked after until Ctrl-C: boxes, state, worker, audit log too."
    ),
    detach: bool = typer.Option(
        False, "--detach", help="The whole stack in the background; return when all of it is healthy."
    ),
    without: list[str] = typer.Option(
        [],
        "--without",
        metavar="NAME",
        help="Leave out of the stack: prefect, e2b, weaviate, state, worker. Repeatable.",
    ),
    silence: float = typer.Option(
        60.0,
        "--silence",
        min=5.0,
        metavar="SECONDS",
        help="How long a service of the stack may live and not answer, before it is killed and started again.",
    ),
    print_env: bool = typer.Option(
        False, "--print-env", help="Print `export` lines, keys too, that lead commands to what is up."
    ),
    as_json: bool = JSON,
) -> None:
    """Start a Prefect server in the background, or the whole stack.

    The server is tuned for many short steps. Nothing happens when it is up already. With `--all` or `--detach` come a
    worker, boxes, what goes on with runs that were cut off, and Weaviate where it is installed; each is started again
    when it ends. All listen on loopback only, but for Weaviate's gRPC, which wants a key.
    """
    if everything or detach:
        _stack(_wishes(state, port, without, silence), detach=detach, print_env=print_env, as_json=as_json)
    elif without:
        raise UsageError("--without is for the whole stack", "add --detach, or --all")
    elif print_env:
        from runner.cli.stack import shown

        typer.echo(shown.lines(shown.exports(state), as_json=as_json))
    else:
        _server(state, port, as_json=as_json)


def _server(state: Path, port: int | None, *, as_json: bool) -> None:
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


def _wishes(state: Path, port: int | None, without: list[str], silence: float) -> Wishes:
    from runner.cli.stack.services import NAMES, Wishes

    unknown = next((name for name in without if name not in NAMES), None)
    if unknown is not None:
        raise UsageError(f"there is no service {unknown!r} in the stack", f"Services are {', '.join(NAMES)}.")
    return Wishes(state, port, frozenset(without), silence)


def _tell(said: str) -> None:
    """A supervisor does not end because nobody reads what it says."""
    with contextlib.suppress(OSError):
        typer.echo(f"{datetime.now().astimezone():%H:%M:%S} {said}", err=True)


def _stack(wishes: Wishes, *, detach: bool, print_env: bool, as_json: bool) -> None:
    from runner.cli.stack import background, record, shown, supervisor

    def show(stack: Stack, *, already: bool = False) -> None:
        if print_env:
            typer.echo(shown.lines(shown.exports(wishes.state), as_json=as_json))
        if as_json and not print_env:
            typer.echo(json.dumps(shown.body(stack, wishes.state, already=already)))
        elif not as_json:
            typer.echo(shown.table(stack), err=print_env)
            said = "is up already" if already else "is up"
            how = "runner down ends it" if detach or already else "Ctrl-C ends it"
            typer.echo(f"the stack {said} (pid {stack.pid}); {how}", err=True)

    before = record.read(wishes.state)
    if not as_json and (before is None or not before.lives):
        typer.echo("starting the stack (the first start makes Prefect's database, 10 to 20 s) …", err=True)
    if detach:
        stack, already = background.begin(wishes)
        show(stack, already=already)
        if stack.troubled:
            raise shown.failed(stack)
        return
    if supervisor.supervise(wishes, os.environ, _tell, show):
        return
    stack, _ = background.begin(wishes)
    show(stack, already=True)
