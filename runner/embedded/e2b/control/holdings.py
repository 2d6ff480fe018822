"""What people have at an endpoint besides boxes: templates, volumes, secrets; and the builder of templates."""

from __future__ import annotations

import asyncio
from pathlib import Path

from runner.embedded.e2b.boxes.box import Box
from runner.embedded.e2b.boxes.boxes import Boxes
from runner.embedded.e2b.boxes.life import Life
from runner.embedded.e2b.building.builds import Builder, Hands
from runner.embedded.e2b.building.catalog import Catalog
from runner.embedded.e2b.folders import durable
from runner.embedded.e2b.folders.vault import Vault
from runner.embedded.e2b.folders.volumes import Volumes
from runner.embedded.e2b.templates import Template, Templates
from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Holdings:
    """All of it. `builder` makes templates, which go into `catalog`, and so are found in `templates`."""

    templates: Templates
    catalog: Catalog
    builder: Builder
    volumes: Volumes
    vault: Vault


def open_holdings(folder: Path, boxes: Boxes, life: Life, templates: Templates) -> Holdings:
    """What an earlier endpoint has left in a folder, or nothing yet. Raises OSError, ServiceError.

    A template that somebody has built makes a box only if its start command works: boxes come up with it.
    """

    def taken(name: str) -> bool:
        return any(name in each.template.names for each in life.snapshots)

    sync = life.durable
    catalog = Catalog(folder / "templates", templates, life.uses, taken, sync=sync)

    async def keep(box: Box, layer: Path) -> None:
        await asyncio.to_thread(box.freeze, True)
        try:
            await boxes.copy(box, layer, tmp=False)
            if sync:
                await asyncio.to_thread(durable.sync_all, layer)
        finally:
            await asyncio.to_thread(box.freeze, False)

    def find(name: str) -> Template | None:
        snapshot = life.snapshots.find(name)
        return snapshot.template if snapshot else templates.find(name)

    life.spawned = catalog.spawned
    hands = Hands(boxes.create, boxes.kill, keep, find, boxes.unlayered, lambda: boxes.outward is not None)
    return Holdings(
        templates,
        catalog,
        Builder(catalog, hands),
        Volumes(folder / "volumes", literal=boxes.literal, shared=not boxes.unshared, sync=sync),
        Vault(folder, sync=sync),
    )
