"""The boxes that live right now, of all runs of this process: for whoever lets people look into them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from runner.compiler.canonical import Json
from runner.records import dataclass
from runner.run.ports import Box


@dataclass(frozen=True, slots=True)
class LiveBox:
    """A live box of a run. `tell` writes an event of the run, by its type and data; only as long as the box lives."""

    run: str
    sandbox: str
    box: Box
    tell: Callable[[str, Mapping[str, Json]], None]


class LiveBoxes:
    """Live boxes, the newest first. Whoever wants to hear of new ones gives `on_enter`, which must not raise."""

    def __init__(self, on_enter: Callable[[LiveBox], None] | None = None) -> None:
        self._boxes: dict[str, LiveBox] = {}
        self._on_enter = on_enter

    def enter(self, live: LiveBox) -> None:
        """A box lives."""
        self._boxes[live.box.id] = live
        if self._on_enter is not None:
            self._on_enter(live)

    def leave(self, box: str) -> None:
        """The box with this id lives no more, or is about to be freed. Twice is fine."""
        self._boxes.pop(box, None)

    def all(self) -> list[LiveBox]:
        """The newest first."""
        return list(self._boxes.values())[::-1]
