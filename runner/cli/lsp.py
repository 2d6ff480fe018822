"""`runner lsp`: the language server for editors."""

from __future__ import annotations

from importlib.util import find_spec

import typer

from runner.errors import ServiceError


def lsp(
    stdio: bool = typer.Option(
        False, "--stdio", help="Accepted from editors that say how they talk: it is the only way."
    ),
    json_: bool = typer.Option(False, "--json", help="Accepted for symmetry: the protocol is JSON in any case."),
) -> None:
    """Serve editors by the Language Server Protocol.

    It speaks on standard input and output, and is started by an editor: docs/editors.md says how to tell yours.
    Findings, proposals, hover, definition, references, rename, outline, fixes, formatting, and hints of providers and
    prices. It needs the extra `lsp`.
    """
    if find_spec("pygls") is None:
        raise ServiceError("the language server is not installed", "pip install 'runner[lsp]'")
    from runner.editor.features import make

    make().start_io()
