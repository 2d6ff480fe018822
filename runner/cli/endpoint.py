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
def e2b(
    port: int = typer.Option(0, "--port", min=0, max=65535, help="Port on loopback; 0 takes a free one."),
    folder: Path | None = typer.Option(
        None,
        "--folder",
        metavar="DIR",
        help="Where boxes keep their files while they live; default: the temporary folder.",
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object instead of `export` lines."),
) -> None:
    """Serve E2B's protocol until Ctrl-C.

    First its `export NAME=value` lines are printed: any program that uses E2B's SDK with these makes its boxes here,
    without an account.
    """
    import asyncio

    from runner.embedded.e2b.server import run

    def tell(exports: str) -> None:
        if as_json:
            lines = (line.removeprefix("export ") for line in exports.splitlines())
            typer.echo(json.dumps(dict(line.split("=", 1) for line in lines)))
        else:
            typer.echo(exports, nl=False)
        typer.echo("serving boxes; Ctrl-C ends the endpoint and all of them", err=True)

    asyncio.run(run(port, folder, tell, with_parent=False))
