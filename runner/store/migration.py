"""Bringing what is stored to the version that this runner knows, whatever the home of the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner.errors import StoreNewer
from runner.store.fill import fill_in
from runner.store.surreal_sdk import rid

#: The version of what is stored, and the query that leads to each version from the one before.
MIGRATIONS: tuple[tuple[int, str], ...] = ((1, "migrate_1"), (2, "migrate_2"), (3, "migrate_3"))
VERSION = MIGRATIONS[-1][0]
#: The version from which on attempts, questions and edges were written with what they follow from.
FILLED = 3

#: Runs a named query and gives the result of each of its statements.
Ask = Callable[[str, dict[str, object]], list[Any]]


def bring_up(where: Path | str, ask: Ask, before_write: Callable[[], None], *, stamp: bool) -> bool:
    """Migrate, and with `stamp` write down the moment; whether anything was written. Raises StoreNewer.

    Every step may be repeated: two processes that do it at once are no harm.
    """
    rows = ask("version", {"id": rid("meta", "schema")})[0]
    version = int(rows[0]) if rows else 0
    if version > VERSION:
        raise StoreNewer(
            f"the state in {where} has version {version}; this runner knows up to {VERSION}",
            "Upgrade runner, or use another folder with --state DIR.",
        )
    if version == VERSION and not stamp:
        return False
    before_write()
    ask("prepare", {})
    for number, name in MIGRATIONS:
        if number > version:
            ask(name, {})
    if 0 < version < FILLED:
        fill_in(ask)
    if stamp:
        _quiet(ask)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ask("set_version", {"id": rid("meta", "schema"), "version": VERSION, "now": now})
    return True


def _quiet(ask: Ask) -> None:
    """End the live queries of a gateway that was killed, or went on when this copy was made: in a folder nobody hears
    them, and each change would be written twice.
    """
    if "runner_live" in ask("tables", {})[0]["tables"]:
        ask("quiet", {})
