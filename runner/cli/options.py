"""The options that `runner run`, `runner resume` and `runner rerun` have in common."""

from __future__ import annotations

from enum import StrEnum

import typer


class EngineChoice(StrEnum):
    """Where a run is shown and supervised."""

    AUTO = "auto"
    LOCAL = "local"
    PREFECT = "prefect"


ENGINE = typer.Option(
    EngineChoice.AUTO, "--engine", help="What carries the run; auto is prefect when an API answers, else local."
)
AT_THE_END = typer.Option(False, "--json", help="Print one JSON document at the end instead of text.")
EVENTS = typer.Option(False, "--events", help="With --json: before it, one JSON line per event.")
QUIET = typer.Option(False, "--quiet", "-q", help="Show only how the run ended.")
NO_WAIT = typer.Option(
    False, "--no-wait", help="When only people's decisions are left to wait for, let the run end as paused."
)
