"""`runner endpoint`: serve an embedded endpoint, one that speaks a vendor's own protocol on this machine."""

from __future__ import annotations

import json
import os
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from runner.cli.state import STATE

if TYPE_CHECKING:
    from runner.embedded.e2b.launch import Endpoint

app = typer.Typer(help="Serve a vendor's protocol on this machine.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _endpoints() -> None:
    """Serve a vendor's protocol on this machine."""


@app.command()
def e2b(  # noqa: PLR0913 - an option each
    port: int = typer.Option(0, "--port", min=0, max=65535, help="Port on loopback; 0 takes a free one."),
    folder: Path | None = typer.Option(
        None,
        "--folder",
        metavar="DIR",
        help="Where boxes keep their files while they live; default: the temporary folder.",
    ),
    keep: bool = typer.Option(
        False, "--keep", help="Let keys and whatever boxes leave behind survive a restart; needs --folder."
    ),
    tls: bool = typer.Option(False, "--tls", help="Also speak TLS, under names below e2b.localhost."),
    egress: bool = typer.Option(
        False, "--egress", help="Let boxes reach the internet, through a proxy that keeps each box's rules."
    ),
    allow_private: bool = typer.Option(
        False, "--allow-private", help="With --egress: also this machine and private networks."
    ),
    plan: str = typer.Option(
        "unlimited", "--plan", metavar="PLAN", help="Limits as of a hosted plan: hobby, pro, unlimited."
    ),
    quota: int | None = typer.Option(None, "--quota", metavar="N", help="So many boxes at a time, whatever the plan."),
    rate: float | None = typer.Option(
        None, "--rate", metavar="N", help="So many boxes made in a second, whatever the plan."
    ),
    fault: list[str] = typer.Option(
        [], "--fault", metavar="RULE", help="Fail on purpose, like create:503:times=2; see docs/e2b.md. Repeatable."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object instead of `export` lines."),
    command: list[str] = typer.Argument(
        None, metavar="[-- COMMAND]...", help="Serve only as long as this command runs, and for it."
    ),
) -> None:
    """Serve E2B's protocol until Ctrl-C, or as long as a command runs.

    First its `export NAME=value` lines are printed: any program that uses E2B's SDK with these makes its boxes here,
    without an account. A command gets them in its environment, and its exit code is ours.
    """
    import asyncio

    from runner.embedded.e2b.launch import serve_for
    from runner.embedded.e2b.server import run
    from runner.embedded.e2b.settings import Settings
    from runner.errors import UsageError

    if keep and folder is None:
        raise UsageError("--keep needs a folder in which to keep things", "runner endpoint e2b --folder DIR --keep")
    if allow_private and not egress:
        raise UsageError("--allow-private needs --egress", "runner endpoint e2b --egress --allow-private")
    where = None if folder is None else str(folder)
    settings = Settings(
        port=port, folder=where, keep=keep, tls=tls, egress=egress, allow_private=allow_private,
        plan=plan, quota=quota, rate=rate, faults=tuple(fault),
    )  # fmt: skip
    if command:
        raise typer.Exit(asyncio.run(serve_for(command, settings)))
    asyncio.run(run(settings, lambda endpoint: _tell(endpoint, where, as_json)))


def _tell(endpoint: Endpoint, folder: str | None, as_json: bool) -> None:
    """Say where it serves on standard output, and what else is to be known on standard error."""
    values = endpoint.exports()
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    typer.echo(json.dumps(values) if as_json else "\n".join(lines))
    if "E2B_API_KEY" not in values:
        another = f"runner endpoint keys --folder {shlex.quote(str(folder))} --add NAME"
        typer.echo(f"the keys made before are good; another one: {another}", err=True)
    if endpoint.why:
        typer.echo(f"boxes do not have the best walls there are (docs/security.md): {endpoint.why}", err=True)
    typer.echo("serving boxes; Ctrl-C ends the endpoint and all of them", err=True)


@app.command()
def webcontainer(
    port: int = typer.Option(0, "--port", min=0, max=65535, help="Port on loopback; 0 takes a free one."),
    origin: list[str] = typer.Option(
        [],
        "--origin",
        metavar="ORIGIN",
        help="Whose pages may use it; default: all servers of this machine. Repeatable.",
    ),
    network: list[str] = typer.Option(
        [], "--network", metavar="HOST", help="What programs may reach, also by npm; '*' is all. Repeatable."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object instead of `export` lines."),
    command: list[str] = typer.Argument(
        None, metavar="[-- COMMAND]...", help="Serve only as long as this command runs, and for it."
    ),
) -> None:
    """Serve the genuine WebContainer client's engine until Ctrl-C, or for a command.

    First its `export NAME=value` line is printed. A page that sets this as a global before it boots a container gets
    the engine from this machine; it must be isolated, as for the hosted one. A command gets it in its environment.
    """
    import asyncio

    from runner.embedded.webcontainer.settings import Policy
    from runner.errors import ServiceError

    try:
        from runner.embedded.webcontainer import standing
    except ImportError as error:
        why = f"{error.name} is not installed, and the engine is served with it"
        raise ServiceError(why, "pip install 'runner[webcontainer]'") from error
    settings, policy = standing.settings_for(port, origin), Policy(network=standing.network_for(network))
    if command:
        raise typer.Exit(asyncio.run(standing.serve_for(command, settings, policy)))
    asyncio.run(standing.run(settings, policy, lambda values: _tell_engine(values, as_json)))


def _tell_engine(values: dict[str, str], as_json: bool) -> None:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    typer.echo(json.dumps(values) if as_json else "\n".join(lines))
    typer.echo("serving the engine; Ctrl-C ends it and what runs in it", err=True)


@app.command()
def surreal(
    state: Path = STATE,
    port: int = typer.Option(
        0, "--port", min=0, max=65535, help="Port on loopback; 0 takes the one before, or a free one."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object instead of `export` lines."),
) -> None:
    """Serve the state in a folder by SurrealDB's protocol until Ctrl-C.

    Many processes can work on it then. First its `export NAME=value` lines are printed. Commands of this user that
    name the same folder find it without them. User and password are made, unless RUNNER_STATE_USER and
    RUNNER_STATE_PASSWORD say what they are.
    """
    import asyncio
    import os

    from runner.embedded.surreal.settings import Settings
    from runner.errors import StoreError

    try:
        from runner.embedded.surreal.process import run
    except ImportError as error:
        raise StoreError(f"the {error.name} package is missing", "pip install 'runner[surreal]'") from error
    settings = Settings(str(state), port)
    asyncio.run(run(settings, os.environ, lambda endpoint: _tell_state(endpoint.exports(), as_json)))


def _tell_state(values: dict[str, str], as_json: bool) -> None:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    typer.echo(json.dumps(values) if as_json else "\n".join(lines))
    typer.echo("serving the state; Ctrl-C ends the gateway, and loses nothing", err=True)


@app.command()
def keys(
    folder: Path = typer.Option(
        ..., "--folder", metavar="DIR", help="The folder of the endpoint, as with `e2b --keep`."
    ),
    add: str | None = typer.Option(None, "--add", metavar="NAME", help="Make a key of this name and print it, once."),
    value_from: str | None = typer.Option(
        None, "--from", metavar="VARIABLE", help="With --add: take the key in this variable, for one of that name."
    ),
    remove: str | None = typer.Option(None, "--remove", metavar="NAME", help="Take the key of this name away."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """List, make and take away the API keys of an endpoint that is kept.

    Only hashes are stored: a key can be seen when it is made, and never again. A running endpoint heeds the change.
    """
    from runner.embedded.e2b.folders.keys import FILE, load
    from runner.errors import UsageError

    if value_from is not None and add is None:
        raise UsageError("--from needs the key's name", "runner endpoint keys --folder DIR --add NAME --from VARIABLE")
    known = load(folder / FILE)
    if remove is not None:
        known.remove(remove)
    made = None if add is None or value_from is not None else known.make(add)
    if add is not None and value_from is not None:
        known.take(add, os.environ.get(value_from, ""))
    if add is not None or remove is not None:
        known.save(folder / FILE)
    rows = [{"name": each.name, "sha256": each.sha256, "made": _instant(each.created_at)} for each in known.records]
    if as_json:
        typer.echo(json.dumps({"keys": rows, **({} if made is None else {"key": made})}))
    elif made is not None:
        typer.echo(made)
    else:
        if not rows:
            typer.echo(f"there are no keys in {folder}; --add NAME makes one", err=True)
        for row in rows:
            typer.echo(f"{row['name']}  made {row['made']}  sha256 {row['sha256'][:12]}…")


def _instant(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
