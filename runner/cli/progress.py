"""What `runner run` shows while a run goes on: lines that survive a pipe, or a live table on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import typer

from runner.cli.table import one_line, visible

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from runner.run.event import Event
    from runner.run.ports import Stream

_SIGNS: Mapping[str, tuple[str, str]] = {
    "step.started": ("▸", "cyan"),
    "step.succeeded": ("✓", "green"),
    "step.failed": ("✗", "red"),
    "step.skipped": ("-", "bright_black"),
    "step.cancelled": ("■", "yellow"),
    "step.retrying": ("↻", "yellow"),
    "milestone.reached": ("◆", "green"),
    "milestone.missed": ("◇", "red"),
    "sandbox.fallback": ("!", "yellow"),
}

#: Characters of a line of output that are shown.
_WIDTH = 500


class Progress(Protocol):
    """Gets every committed event and every piece of masked output; must not raise."""

    def start(self) -> None: ...
    def event(self, event: Event) -> None: ...
    def text(self, key: str, stream: Stream, text: str) -> None: ...
    def stop(self) -> None: ...


def sentence(event: Event) -> str:
    """An event for people; "" for one that says nothing to them."""
    data = event.data
    name = event.step or str(data.get("milestone", ""))
    if event.type == "step.started":
        return name if event.attempt == 1 else f"{name} (attempt {event.attempt})"
    if event.type == "step.succeeded":
        return name
    if event.type == "step.retrying":
        return f"{name}: {one_line(data.get('message'))}; again in {data.get('delay'):.3g} s"
    if event.type in ("step.failed", "step.skipped", "step.cancelled"):
        return f"{name}: {one_line(data.get('message') or data.get('reason'))}"
    if event.type.startswith("milestone."):
        return f"milestone {name} {event.type.removeprefix('milestone.')}"
    if event.type == "sandbox.fallback":
        return f"sandbox {data.get('sandbox')}: {data.get('from')} → {data.get('to')}: {one_line(data.get('reason'))}"
    return ""


class Silent:
    """Shows nothing."""

    def start(self) -> None:
        """Nothing."""

    def event(self, event: Event) -> None:
        """Nothing."""

    def text(self, key: str, stream: Stream, text: str) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


class Lines:
    """One line per event, and each line of output after the name of its step. Never half a line of output."""

    def __init__(self) -> None:
        self._rests: dict[tuple[str, Stream], str] = {}

    def start(self) -> None:
        """Nothing."""

    def event(self, event: Event) -> None:
        """Print what happened, after the output that led to it."""
        if event.type.startswith("step.") and event.type not in ("step.ready", "step.started"):
            for (key, stream), rest in list(self._rests.items()):
                if key == event.step and rest:
                    self._print(key, rest)
                    del self._rests[key, stream]
        words = sentence(event)
        if words:
            sign, colour = _SIGNS[event.type]
            show_line(f"{typer.style(sign, fg=colour)} {words}")
        if event.type == "step.failed" and event.data.get("hint"):
            show_line(f"  hint: {one_line(event.data['hint'], 300)}")

    def text(self, key: str, stream: Stream, text: str) -> None:
        """Print the complete lines."""
        *lines, rest = (self._rests.get((key, stream), "") + text).split("\n")
        self._rests[key, stream] = rest[: 8 * _WIDTH]
        if lines:
            self._print(key, *lines)

    def stop(self) -> None:
        """Nothing."""

    def _print(self, key: str, *lines: str) -> None:
        head = typer.style(f"{key} │", fg="bright_black")
        show_line("\n".join(f"  {head} {visible(line, _WIDTH)}" for line in lines))


def show_line(line: str, *, err: bool = False) -> None:
    """Print a line. A reader that went away (`runner run … | head`) or a full disk does not stop the run."""
    try:
        typer.echo(line, err=err)
    except OSError:
        with suppress(OSError):  # what is left in the buffer must not fail again at the end of the process
            os.dup2(os.open(os.devnull, os.O_WRONLY), (sys.stderr if err else sys.stdout).fileno())


class LiveTable:
    """A compact table that is drawn again as the run goes on."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._rows: dict[str, tuple[str, str]] = {}
        self._live: Live | None = None

    def start(self) -> None:
        """Begin to draw."""
        from rich.live import Live

        self._live = Live(get_renderable=self._table, refresh_per_second=8, transient=True)
        self._live.start()

    def event(self, event: Event) -> None:
        """Remember what happened to a step; milestones and fallbacks are printed above the table."""
        if event.step is not None and event.type.startswith("step."):
            words = sentence(event).removeprefix(event.step).lstrip(": ")
            self._rows[event.step] = (event.type.removeprefix("step."), words)
        elif self._live is not None and (words := sentence(event)):
            self._live.console.print(f"{_SIGNS[event.type][0]} {words}", markup=False, highlight=False)

    def text(self, key: str, stream: Stream, text: str) -> None:
        """Show the last line of a step's output beside it."""
        lines = [line for line in text.splitlines() if line.strip()]
        if lines and key in self._rows:
            self._rows[key] = (self._rows[key][0], one_line(lines[-1], 80))

    def stop(self) -> None:
        """Wipe the table away."""
        if self._live is not None:
            self._live.stop()

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table: Any = Table(title=self._title, title_justify="left", box=None, show_header=False, pad_edge=False)
        done = [key for key, (state, _) in self._rows.items() if state in ("succeeded", "skipped")]
        shown = [key for key in self._rows if key not in done] + done[::-1][:5]
        for key in shown[:20]:
            state, words = self._rows[key]
            sign, colour = _SIGNS.get(f"step.{state}", ("·", "bright_black"))
            table.add_row(Text(sign, style=colour.replace("bright_black", "dim")), Text(key), Text(words, style="dim"))
        return table  # type: ignore[no-any-return]


def make_progress(title: str, *, quiet: bool, terminal: bool) -> Progress:
    """The fitting way to show a run."""
    if quiet:
        return Silent()
    return LiveTable(title) if terminal else Lines()
