"""`runner schema`: the JSON Schemas of what runner reads and writes."""

from __future__ import annotations

from enum import StrEnum

import typer

from runner.compiler.schemas import schema_path


class Name(StrEnum):
    """Which schema."""

    WORKFLOW = "workflow"
    PLAN = "plan"
    EVENT = "event"
    DIAGNOSTICS = "diagnostics"
    SETTINGS = "settings"


def schema(
    name: Name = typer.Option(Name.WORKFLOW, "--name", help="Which schema to print."),
    json_: bool = typer.Option(False, "--json", help="Accepted for symmetry: a schema is JSON in any case."),
) -> None:
    """Print the JSON Schema of specs, plans, events, findings or runner.toml.

    It is of the version 2020-12; editors with a YAML language server complete and check specs with it.
    """
    typer.echo(schema_path(f"{name.value}.v1.schema.json").read_text(encoding="utf-8"), nl=False)
