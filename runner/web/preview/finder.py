"""From the name of a preview to a live box: of that run or of those below it, the one that listens on the port."""

from __future__ import annotations

import asyncio

from runner.errors import BoxError
from runner.run.event import Event
from runner.run.live import LiveBox, LiveBoxes
from runner.web.preview.address import Preview
from runner.web.preview.ports import listening


class NotThere(Exception):
    """There is nothing to show, a signal inside this room: what a page says of it."""

    def __init__(self, status: int, title: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.title = title
        self.text = text


class Finder:
    """Knows the runs of this process, by their events, and their live boxes."""

    def __init__(self, live: LiveBoxes) -> None:
        self._live = live
        self._above: dict[str, str] = {}
        self._runs: dict[str, None] = {}
        self._known: dict[Preview, str] = {}

    def hear(self, event: Event) -> None:
        """Take note of runs, and of which began which."""
        if event.type == "run.created":
            self._runs[event.run] = None
        elif event.type == "step.delegated":
            self._above[str(event.data.get("run"))] = event.run

    def top(self, run: str) -> str:
        """The run that people started."""
        while run in self._above:
            run = self._above[run]
        return run

    async def find(self, preview: Preview) -> LiveBox:
        """The box to ask. Raises NotThere."""
        boxes = [each for each in self._live.all() if preview.run in self._family(each.run)]
        if not boxes:
            raise self._nothing(preview.run)
        known = [each for each in boxes if each.box.id == self._known.get(preview)]
        if len(boxes) == 1 or known:
            return (known or boxes)[0]
        # Boxes are looked into, which takes a command in each: what was found holds until it does not.
        found = await asyncio.gather(*(listens(each, preview.port) for each in boxes))
        verdicts = list(zip(boxes, found, strict=True))
        hits = [box for box, does in verdicts if does] or [box for box, does in verdicts if does is None]
        if not hits:
            raise closed(preview, boxes)
        self._known[preview] = hits[0].box.id
        return hits[0]

    def forget(self, preview: Preview) -> None:
        """What was found does not hold any more."""
        self._known.pop(preview, None)

    def _family(self, run: str) -> list[str]:
        """A run, and those above it."""
        found = [run]
        while found[-1] in self._above:
            found.append(self._above[found[-1]])
        return found

    def _nothing(self, run: str) -> NotThere:
        if run in self._runs or run in self._above:
            return NotThere(503, "No box lives now", f"The run {run} has no box yet, or has none any more. Try again.")
        here = ", ".join(self._runs) or "none yet"
        return NotThere(
            404, "There is no such run here", f"No run {run} is going on behind this address; runs: {here}."
        )


async def listens(live: LiveBox, port: int) -> bool | None:
    """Whether a box listens on a port; None where it cannot be told."""
    try:
        found = await listening(live.box)
    except BoxError:
        return None
    return None if found is None else port in found


def closed(preview: Preview, boxes: list[LiveBox]) -> NotThere:
    """What to say when nobody listens."""
    names = ", ".join(dict.fromkeys(f"{each.sandbox} ({each.box.provider} {each.box.id})" for each in boxes))
    text = f"Nothing listens on port {preview.port} of {names}. It may not have started yet: load this page again."
    return NotThere(502, f"Port {preview.port} is closed", text)
