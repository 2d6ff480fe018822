"""`runner setup`: fetch what the templates `desktop` and `code-interpreter` need on this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from runner.embedded.e2b.setup.catalog import Item


def setup(
    names: list[str] = typer.Argument(
        None, metavar="[NAME]...", help="desktop, code-interpreter; none: show what there is.", show_default=False
    ),
    show: bool = typer.Option(False, "--list", help="Show what can be set up and what is; the default without NAME."),
    remove: bool = typer.Option(False, "--remove", help="Remove what was set up; without NAME, all of it."),
    force: bool = typer.Option(False, "--force", help="Make it anew, though it is there and good."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Fetch what embedded boxes need for a desktop or the code interpreter.

    A desktop's programs are packages of this machine's own Debian release, unpacked beside the system and never
    installed into it; the code interpreter's are Python packages by hash. Both lie in the data folder ($RUNNER_HOME,
    else $XDG_DATA_HOME/runner or ~/.local/share/runner), and boxes see them as read-only layers. What is there and
    good is not fetched again.
    """
    from runner.embedded.e2b.setup import catalog
    from runner.errors import UsageError

    known = catalog.items()
    unknown = [name for name in names or [] if name not in known]
    if unknown:
        raise UsageError(f"{unknown[0]!r} cannot be set up", f"there is {' and '.join(known)}")
    if (show or force) and remove:
        raise UsageError("--remove goes with neither --list nor --force", "give one of them")
    chosen = [known[name] for name in dict.fromkeys(names or known)]
    changed: dict[str, bool] = {}
    if remove:
        changed = {item.name: catalog.take_away(item, os.environ, _say(item)) for item in chosen}
    elif names and not show:
        changed = {item.name: catalog.set_up(item, os.environ, _say(item), anew=force) for item in chosen}
    rows = [_row(item) for item in chosen]
    if as_json:
        typer.echo(json.dumps({"items": [{**row, "changed": changed.get(row["name"], False)} for row in rows]}))
        return
    for row in rows:
        typer.echo(f"{row['name']:<17} {_state(row)}")


def _say(item: Item) -> Callable[[str], None]:
    return lambda line: typer.echo(f"{item.name}: {line}", err=True)


def _row(item: Item) -> dict[str, Any]:
    from runner.embedded.e2b.setup import catalog, shelf

    manifest, why = catalog.look(item, os.environ)
    row: dict[str, Any] = {"name": item.name, "what": item.what, "ready": not why, "why": why or None}
    if manifest is not None:
        row |= {
            "folder": str(shelf.shelf(os.environ) / item.name),
            "host": manifest.host,
            "made": datetime.fromtimestamp(manifest.made, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "bytes": manifest.bytes,
            "packages": [
                {"name": each.name, "version": each.version, "sha256": each.sha256} for each in manifest.packages
            ],
        }
    return row


def _state(row: dict[str, Any]) -> str:
    if row["ready"]:
        return f"ready: {len(row['packages'])} packages, {row['bytes'] // 2**20} MiB in {row['folder']}"
    if "folder" in row:
        return f"of no use: {row['why']}; `runner setup {row['name']}` makes it anew"
    return f"not set up: `runner setup {row['name']}` ({row['what']})"
