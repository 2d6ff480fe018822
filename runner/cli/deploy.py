"""`runner deploy`: specs as deployments of a Prefect server, planned and applied."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import typer

from runner.cli.deployable import deployable, project_name
from runner.cli.state import STATE
from runner.compiler.renderers.text import harmless
from runner.errors import EngineUnavailable, UsageError
from runner.flow.address import api_url
from runner.flow.deploy.compare import Comparison
from runner.flow.deploy.wanted import Wanted
from runner.project.bundle import Bundle
from runner.records import dataclass
from runner.wiring import open_store

POOL = "runner"


class Format(StrEnum):
    """How the comparison is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def deploy(  # noqa: PLR0913 - one parameter per option
    paths: list[str] = typer.Argument(
        None, metavar="[PATHS]", help="Specs, or folders with specs; without any, all that `runner validate` checks."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only show what would change on the server."),
    exit_code: bool = typer.Option(
        False, "--exit-code", help="With --dry-run: exit code 1 if the server is not as the specs want it."
    ),
    prune: bool = typer.Option(False, "--prune", help="Remove the project's deployments that no spec has any more."),
    maintenance: bool = typer.Option(
        False, "--maintenance", help="Deploy no specs but the housekeeping flows: reap, ship, report, backup."
    ),
    adopt: bool = typer.Option(False, "--adopt", help="Take over deployments of these names that others have made."),
    pool: str = typer.Option(
        POOL, "--pool", metavar="NAME", help="The work pool of the runs; made where it is missing."
    ),
    pool_type: str = typer.Option("process", "--pool-type", metavar="TYPE", help="What a pool that is made is for."),
    project: str = typer.Option(
        None, "--project", metavar="NAME", help="Whose deployments they are; else the name of the project's folder."
    ),
    format_: Format = typer.Option(Format.TEXT, "--format", help="How to print what changes."),
    json_: bool = typer.Option(False, "--json", help="The same as --format json."),
    state: Path = STATE,
) -> None:
    """Make the deployments of a Prefect server what the specs say.

    Every spec becomes a deployment: its inputs a form, its schedules the server's, its version the digest of the plan.
    All specs are checked first. What changes is shown, then all of it is applied, or nothing: after an error the
    server is as it was. What people have set on the server (paused, a schedule switched off, schedules of their own)
    stays. The texts of the specs go to the state store, from which workers run exactly what was checked.

    With --maintenance, the deployments are those that look after the state: each of them has a form and a schedule too.
    """
    if exit_code and not dry_run:
        raise UsageError("--exit-code goes with --dry-run", "drift in CI: runner deploy --dry-run --exit-code")
    if prune and paths:
        raise UsageError("--prune looks at all specs of the project", "leave out the paths, or --prune")
    if maintenance and (paths or prune):
        raise UsageError("--maintenance goes with neither paths nor --prune", "runner deploy --maintenance")
    wish = _Wish(state, pool, pool_type, project, dry_run=dry_run, prune=prune, adopt=adopt)
    found, done = _housekeeping(wish) if maintenance else _deployed(paths or [], wish)
    _show(found, Format.JSON if json_ else format_, done, prune=prune)
    if exit_code and found.is_different:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the options ask for."""

    state: Path
    pool: str
    pool_type: str
    project: str | None
    dry_run: bool
    prune: bool
    adopt: bool


def _deployed(paths: list[str], wish: _Wish) -> tuple[Comparison, list[str] | None]:
    """Compare, and unless it is a dry run apply; what was found, and the names of what was written."""
    url = _url(wish.state)
    from runner.flow.deploy.wanted import wanted

    compiled = deployable(paths)
    project = wish.project or project_name([one.path for one in compiled])
    specs = [wanted(one.plan, one.bundle, project, wish.pool) for one in compiled]
    return _applied(url, wish, _Set(specs, [one.bundle for one in compiled], project, whole=not paths))


def _housekeeping(wish: _Wish) -> tuple[Comparison, list[str] | None]:
    """The same for the flows of maintenance."""
    url = _url(wish.state)
    from runner.flow.deploy import housekeeping

    project = wish.project or project_name(["runner.toml"])
    specs = housekeeping.housekeeping(project, wish.pool)
    return _applied(url, wish, _Set(specs, [], housekeeping.owner(project), whole=True))


@dataclass(frozen=True, slots=True)
class _Set:
    """Deployments that belong together, the texts they run, whose they are, and whether these are all of them."""

    wanted: Sequence[Wanted]
    bundles: Sequence[Bundle]
    project: str
    whole: bool


def _applied(url: str, wish: _Wish, what: _Set) -> tuple[Comparison, list[str] | None]:
    from runner.flow.deploy import shelf
    from runner.flow.deploy.api import Api, credentials
    from runner.flow.deploy.apply import Undo, apply, recover
    from runner.flow.deploy.survey import survey

    with Api(url, credentials(os.environ)) as api:
        undo = Undo(wish.state, url)
        if not wish.dry_run:
            recover(api, undo, lambda line: typer.echo(line, err=True))
        found = survey(
            api, what.wanted, wish.pool, wish.pool_type, project=what.project, adopt=wish.adopt, whole=what.whole
        )
        if wish.dry_run:
            return found, None
        shelf.keep(wish.state, what.bundles)
        asyncio.run(_share(wish.state, what.bundles))
        return found, apply(api, found, wish.pool, undo, prune=wish.prune)


def _show(found: Comparison, format_: Format, done: list[str] | None, *, prune: bool) -> None:
    from runner.flow.deploy import shown

    moment = datetime.now(UTC).replace(microsecond=0)
    if format_ is Format.JSON:
        typer.echo(shown.as_json(found, moment, done), nl=False)
    elif format_ is Format.MARKDOWN:
        typer.echo(harmless(shown.markdown(found, moment, prune=prune)), nl=False)
    else:
        typer.echo(harmless(shown.text(found, moment, prune=prune, done=done is not None)), nl=False)


def _url(state: Path) -> str:
    if importlib.util.find_spec("httpx") is None:
        raise EngineUnavailable("deploying needs the package httpx", "pip install 'runner[prefect]'")
    url = api_url(state)
    if url is None:
        raise EngineUnavailable("no Prefect server is known", "runner up, or set PREFECT_API_URL")
    return url


async def _share(state: Path, bundles: Sequence[Bundle]) -> None:
    """Workers on other machines find the texts in the store; where it is a folder of this one, they are in that."""
    from runner.flow.deploy import shelf

    store = open_store(state)
    if not store.shared or not bundles:
        return
    await store.open()
    try:
        await shelf.share(store, bundles)
    finally:
        await store.close()
