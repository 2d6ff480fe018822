"""`runner endpoint`: serve an embedded endpoint, one that speaks a vendor's own protocol on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import typer

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
) -> None:
    """Serve E2B's protocol until Ctrl-C.

    First its `export NAME=value` lines are printed: any program that uses E2B's SDK with these makes its boxes here,
    without an account.
    """
    import asyncio

    from runner.embedded.e2b.launch import Endpoint
    from runner.embedded.e2b.server import run
    from runner.embedded.e2b.settings import Settings

    def tell(endpoint: Endpoint) -> None:
        values = endpoint.exports()
        typer.echo(json.dumps(values) if as_json else "\n".join(f"export {name}={values[name]}" for name in values))
        typer.echo("serving boxes; Ctrl-C ends the endpoint and all of them", err=True)

    where = None if folder is None else str(folder)
    settings = Settings(port=port, folder=where, plan=plan, quota=quota, rate=rate, faults=tuple(fault))
    asyncio.run(run(settings, tell))
