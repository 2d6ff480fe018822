"""`runner endpoint`: serve an embedded endpoint, one that speaks a vendor's own protocol on this machine."""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer(help="Serve an embedded endpoint until Ctrl-C; prints its `export NAME=value` lines first.")


@app.callback()
def _endpoints() -> None:
    """Serve an embedded endpoint until Ctrl-C; prints its `export NAME=value` lines first."""


@app.command()
def e2b(
    port: int = typer.Option(0, "--port", min=0, max=65535, help="Port on loopback; 0 takes a free one."),
    folder: Path | None = typer.Option(
        None, "--folder", help="Where boxes keep their files while they live; default: the temporary folder."
    ),
) -> None:
    """Serve E2B's protocol: any program that uses E2B's SDK makes its boxes here, without an account."""
    import asyncio

    from runner.embedded.e2b.server import run

    def tell(exports: str) -> None:
        typer.echo(exports, nl=False)
        typer.echo("serving boxes; Ctrl-C ends the endpoint and all of them", err=True)

    asyncio.run(run(port, folder, tell, with_parent=False))
