"""Frees boxes that a dead run left behind, before their leases are over.

A box of runner carries the process that owns it as a label. Only boxes of this machine whose owner is certainly dead
are freed, whatever any clock says; those of other machines end with their leases, which nobody renews. So do those of a
run that can still be gone on with: its boxes hold what its steps have made. A box without runner's labels is somebody
else's and is never touched.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress

from runner.compiler.canonical import Json
from runner.errors import BoxError
from runner.run.owner import is_dead
from runner.run.ports import BoxInfo, Sandbox
from runner.run.supply import MINE


async def _none(_run: str) -> bool:
    return False


async def reap(sandbox: Sandbox, spared: Callable[[str], Awaitable[bool]] = _none) -> list[str]:
    """Free the orphans among the boxes of one account; a sentence for each. A provider in trouble is left alone, and so
    are the boxes of runs that are `spared`, by their ids.
    """
    try:
        orphans = [info for info in await sandbox.list(MINE) if is_orphan(info)]
    except BoxError:
        return []
    orphans = [info for info in orphans if not await spared(info.labels["run"])]
    return [sentence for sentence in await asyncio.gather(*(_freed(sandbox, info) for info in orphans)) if sentence]


async def free_strays(sandbox: Sandbox, run: str, known: Collection[str]) -> None:
    """Free the boxes of a run that are not among the `known` ones: the process that made them died before it could
    write them down, so nothing was done in them. A provider in trouble is left alone: their leases end.
    """
    with suppress(BoxError):
        found = await sandbox.list({**MINE, "run": run})
        await asyncio.gather(*(_freed(sandbox, info) for info in found if info.id not in known and is_orphan(info)))


def is_orphan(info: BoxInfo) -> bool:
    """Whether a box is runner's and the process that owned it is dead."""
    return "run" in info.labels and is_dead(_owner(info.labels.get("owner", "")))


def _owner(text: str) -> Mapping[str, Json]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


async def _freed(sandbox: Sandbox, info: BoxInfo) -> str:
    try:
        killed = await (await sandbox.connect(info.id)).kill()
    except BoxError:
        return ""
    return f"freed the box {info.id} of run {info.labels['run']}, whose process is dead" if killed else ""
