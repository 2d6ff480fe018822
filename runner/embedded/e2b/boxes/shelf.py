"""Boxes' own layers and the index that says what they are for: taken, held while needed, removed afterwards."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from runner.embedded.e2b.boxes.box import Box, BoxDead
from runner.embedded.e2b.boxes.boxes import Boxes
from runner.embedded.e2b.boxes.folding import fold
from runner.embedded.e2b.boxes.kept import Index, Kept, Resting
from runner.embedded.e2b.boxes.snapshots import Snapshots
from runner.embedded.e2b.templates import Template

#: So many boxes are copied at a time.
_COPIES = 2
#: So many layers of its own a box stands on at most; then they become one.
_MOST_OWN = 8


class Shelf:
    """What is kept of boxes: `snapshots`; `resting` boxes by id; `copies` of held ones, for when the edge does not live
    to let them go on.
    """

    def __init__(self, boxes: Boxes, kept: Kept, waiting: Iterable[Path] = ()) -> None:
        """Layers that are `waiting` stay until `wait_no_more`. Raises ServiceError when the index cannot be read."""
        found = kept.read()
        self._boxes = boxes
        self._kept = kept
        self.snapshots = Snapshots(found.snapshots)
        self.resting = {each.id: each for each in found.resting}
        self.copies: dict[str, Resting] = {}
        self._pins: Counter[Path] = Counter(waiting)
        self._copying = asyncio.Semaphore(_COPIES)
        self._saving = asyncio.Lock()
        kept.remove(self._rubbish())

    @property
    def durable(self) -> bool:
        """Whether it is there for the next edge, too."""
        return self._kept.durable

    @asynccontextmanager
    async def copied(self, box: Box) -> AsyncIterator[Template]:
        """A stopped box's template with its own files as one more layer, which stays as long as the block, or as
        somebody uses it. Raises OSError; BoxDead when the box ended meanwhile, for what was copied may be anything.
        """
        making = self._kept.fresh()
        below = box.order.template.layers
        own = self._own(below)
        kept = below[: len(below) - len(own)] if len(own) >= _MOST_OWN else below
        template = replace(box.order.template, layers=(*kept, self._kept.place(making)))
        try:
            with self.pinned(template):
                await self._copy(box, making, below[len(kept) :])
                yield template
        except BaseException:
            await self.sweep()
            raise

    def _own(self, layers: tuple[Path, ...]) -> tuple[Path, ...]:
        """Those on top that were taken from boxes, and are no template's."""
        return tuple(reversed(list(takewhile(self._kept.owns, reversed(layers)))))

    async def _copy(self, box: Box, making: Path, folded: tuple[Path, ...]) -> None:
        """Make a layer of what a box has written, and of the `folded` ones on which it stands."""
        upper = self._kept.fresh() if folded else making
        try:
            async with self._copying:
                await self._boxes.copy(box, upper)
                if folded:
                    await asyncio.to_thread(fold, (*folded, upper), making, self._boxes.inherited)
                    await asyncio.to_thread(self._kept.discard, upper)
                await asyncio.to_thread(self._kept.settle, making)
        finally:
            for half in {making, upper}:
                await asyncio.to_thread(self._kept.discard, half)
        if box.ended.is_set():
            raise BoxDead(box.id)

    @contextmanager
    def pinned(self, template: Template) -> Iterator[None]:
        """Keep a template's layers while no box or index names them yet."""
        self._pins.update(template.layers)
        try:
            yield
        finally:
            self._pins.subtract(template.layers)

    def uses(self, layer: Path) -> bool:
        """Whether a box or a snapshot needs a layer."""
        return layer in self._used()

    def _used(self) -> set[Path]:
        templates = [
            *(box.order.template for box in self._boxes.all()),
            *(each.template for each in self.resting.values()),
            *(each.template for each in self.copies.values()),
            *(each.template for each in self.snapshots),
        ]
        pinned = {layer for layer, count in self._pins.items() if count > 0}
        return pinned.union(self._kept.waiting(), *(template.layers for template in templates))

    def _rubbish(self) -> list[Path]:
        # A layer is pinned before it is there: what is listed first and used by nobody afterwards is rubbish.
        there = self._kept.layers()
        used = self._used()
        return [layer for layer in there if layer not in used]

    async def wait_no_more(self, layers: Iterable[Path]) -> None:
        """Write the index, and keep these layers only for who uses them now. Raises OSError."""
        self._pins.subtract(layers)
        await self.save()

    async def save(self) -> None:
        """Write the index, and remove the layers that it does not need any more. Raises OSError."""
        async with self._saving:
            # A box that rests is what it is now, and not the copy of an earlier pause.
            index = Index(tuple(self.snapshots), tuple({**self.copies, **self.resting}.values()))
            await asyncio.to_thread(self._kept.write, index)
        await self.sweep()

    async def sweep(self) -> None:
        """Remove the layers that nobody needs."""
        await asyncio.to_thread(self._kept.remove, self._rubbish())

    async def swept_after(self, box: Box) -> None:
        """Remove a box's own layers once it has gone."""
        if any(self._kept.owns(layer) for layer in box.order.template.layers):
            await box.gone.wait()
            await self.sweep()


def as_files(box: Box, template: Template, full: bool) -> Resting:
    """What is left of a box when its files are all: `template` holds them. `full`: its processes were to survive."""
    order = box.order
    return Resting(
        id=box.id,
        asked=order.asked,
        template=template,
        started_at=box.started_at,
        paused_at=box.paused_at or time.time(),
        full=full,
        auto_resume=order.auto_resume and full,
        metadata=order.metadata,
    )
