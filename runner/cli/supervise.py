"""`runner supervise`: runs whose process died go on by themselves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from runner.cli.options import EngineChoice
from runner.cli.progress import show_line
from runner.cli.state import STATE
from runner.compiler.canonical import Json
from runner.errors import UsageError

if TYPE_CHECKING:
    from runner.cli.serving import Tell
    from runner.cli.supervising import Wishes

_URL = "RUNNER_STATE_URL"


def supervise(  # noqa: PLR0913 - one parameter per option
    gateway: bool = typer.Option(
        False, "--gateway", help="Serve the state as `runner endpoint surreal` does, again when that is killed."
    ),
    once: bool = typer.Option(False, "--once", help="Look once, go on with what was cut off, and end with it."),
    parallel: int = typer.Option(
        4, "--parallel", min=1, metavar="N", help="How many runs to go on with at a time; without a gateway it is one."
    ),
    tries: int = typer.Option(
        5, "--tries", min=1, metavar="N", help="How often to go on with a run that gets no further."
    ),
    engine: EngineChoice = typer.Option(
        EngineChoice.AUTO, "--engine", help="What carries the runs; auto is prefect when an API answers, else local."
    ),
    state: Path = STATE,
    as_json: bool = typer.Option(False, "--json", help="Print one line of JSON for each thing that happens."),
) -> None:
    """Go on with every run whose process died, until Ctrl-C.

    Also with those of other machines whose lease has run out. Each has a process of its own, which goes on when the
    supervisor ends. What the audit log has not got is delivered, and boxes that dead runs left at an account are freed.
    """
    from runner.cli.supervising import Wishes

    if gateway and os.environ.get(_URL):
        elsewhere = f"--gateway serves the folder {state}, and {_URL} says that the state is elsewhere"
        raise UsageError(elsewhere, f"Unset {_URL}.")
    wishes = Wishes(state, engine.value, gateway=gateway, once=once, parallel=parallel, tries=tries)
    raise typer.Exit(asyncio.run(_until_told(wishes, _Teller(as_json).tell)))


async def _until_told(wishes: Wishes, tell: Tell) -> int:
    from runner.cli.heartbeat import Heart
    from runner.cli.supervising import Supervisor

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            loop.add_signal_handler(number, stop.set)
    heart = Heart()

    def told(what: str, sentence: str, about: dict[str, Json]) -> None:
        if what == "began":
            heart.ready()
        tell(what, sentence, about)

    async with heart.beating():
        return await Supervisor(wishes, os.environ, told).work(stop)


class _Teller:
    """Prints what happens, a line each."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json

    def tell(self, what: str, sentence: str, about: dict[str, Json]) -> None:
        """See `supervising.Tell`."""
        now = datetime.now(UTC)
        if self._as_json:
            show_line(json.dumps({"at": now.isoformat(timespec="milliseconds"), "what": what, **about}))
        else:
            show_line(f"{now.astimezone():%H:%M:%S} {sentence}")
