"""`runner worker`: take the runs of a work pool from a Prefect server, and start them at once."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import typer

from runner.cli.state import STATE
from runner.compiler.canonical import Json
from runner.errors import EngineUnavailable
from runner.flow.address import answers, api_url
from runner.wiring import open_store

#: Seconds between two looks for runs: Prefect's ten are most of what somebody waits who starts one by hand.
_LOOK = "0.5"
#: Seconds between two looks whether the gateway lives.
_TICK = 0.5


def worker(
    pool: str = typer.Option("runner", "--pool", metavar="NAME", help="The work pool; made where it is missing."),
    limit: int | None = typer.Option(None, "--limit", min=1, help="How many runs at once; without it, any number."),
    name: str | None = typer.Option(None, "--name", metavar="NAME", help="How the worker is called in the pages."),
    state: Path = STATE,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object when it begins to look for runs."),
) -> None:
    """Take the runs of a work pool from a Prefect server.

    A worker of Prefect's for a pool of the type `process`, whose runs start at once: they are copies of a process that
    has everything imported. A run whose process is killed goes on in another one, and so do those that are cut
    off when the worker ends (SIGTERM, Ctrl-C), with the next worker. Runs find secrets in the worker's environment, and
    files that specs copy into boxes in its folder. They share the state by a gateway, unless RUNNER_STATE_URL names a
    server.
    """
    url = api_url(state)
    if importlib.util.find_spec("prefect") is None:
        raise EngineUnavailable("Prefect is not installed", "pip install 'runner[prefect]'")
    if url is None or not answers(url):
        raise EngineUnavailable(f"no Prefect API answers{f' on {url}' if url else ''}", "runner up")
    from runner.cli.heartbeat import Heart
    from runner.flow.settings import environment

    os.environ.update(environment(url))
    os.environ.setdefault("PREFECT_WORKER_QUERY_SECONDS", _LOOK)
    # Flow runs begin in a folder of their own.
    os.environ["RUNNER_STATE"] = str(state.absolute())
    os.environ.setdefault("RUNNER_PROJECT", str(Path.cwd()))
    heart = Heart()

    def ready() -> None:
        heart.ready()
        _ready(pool, url, as_json=as_json)

    async def worked() -> None:
        async with heart.beating():
            await _worked(state, pool, limit, name, ready)

    asyncio.run(worked())


async def _worked(state: Path, pool: str, limit: int | None, name: str | None, ready: Callable[[], None]) -> None:
    """Work, and keep a gateway to the state folder meanwhile: runs are processes of their own that share it."""
    from runner.cli.serving import GatewayKeeper
    from runner.flow.taking import is_cut_off
    from runner.flow.worker import work

    async def cut_off(flow_run: str, created: datetime | None) -> bool:
        store = open_store(state, read_only=True)
        await store.open()
        try:
            return created is not None and await is_cut_off(store, flow_run, created)
        finally:
            await store.close()

    async def kept(gateway: GatewayKeeper) -> None:
        while True:
            await asyncio.sleep(_TICK)
            await gateway.serves(time.monotonic())

    with GatewayKeeper(state, _tell, wanted=not os.environ.get("RUNNER_STATE_URL")) as gateway:
        await gateway.serves(time.monotonic())
        keeping = asyncio.ensure_future(kept(gateway))
        try:
            await work(pool, limit=limit, name=name, cut_off=cut_off, ready=ready)
        finally:
            keeping.cancel()


def _tell(_what: str, sentence: str, _about: dict[str, Json]) -> None:
    typer.echo(sentence, err=True)


def _ready(pool: str, url: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"pool": pool, "api_url": url, "pid": os.getpid()}))
    else:
        typer.echo(f"taking the runs of work pool {pool} from {url}")
