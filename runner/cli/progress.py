"""What `runner run` shows while a run goes on: lines that survive a pipe, or a live table on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer

from runner.cli.printed import STATE, answering, completed
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
    "step.repeated": ("↻", "cyan"),
    "step.expanded": ("≡", "cyan"),
    "step.cached": ("≈", "green"),
    "step.reused": ("≈", "green"),
    "step.waiting": ("…", "yellow"),
    "step.delegated": ("▸", "cyan"),
    "run.waiting": ("…", "yellow"),
    "milestone.reached": ("◆", "green"),
    "milestone.missed": ("◇", "red"),
    "sandbox.fallback": ("!", "yellow"),
    "box.moved": ("!", "yellow"),
    "policy.applied": ("!", "yellow"),
    "step.paused": ("‖", "yellow"),
    "approval.asked": ("?", "yellow"),
    "approval.decided": ("!", "yellow"),
    "request.taken": ("!", "yellow"),
    "request.refused": ("!", "yellow"),
    "preview.ready": ("◉", "green"),
}

#: Characters of a line of output, and of the name of a leg, that are shown.
_WIDTH = 500
_NAME_WIDTH = 100


class Progress(Protocol):
    """Gets every committed event and every piece of masked output; must not raise."""

    def start(self) -> None: ...
    def event(self, event: Event) -> None: ...
    def text(self, key: str, stream: Stream, text: str) -> None: ...
    def stop(self) -> None: ...


class Family:
    """How the steps of the runs below a run are called: `step/step`. `root` is the run that people started, `state` its
    state folder.
    """

    def __init__(self, state: Path = STATE) -> None:
        self.state = state
        self._above: dict[str, str] = {}
        self.root = ""

    def hear(self, event: Event) -> None:
        """Take note of a run that a step started; the first event is one of the run above all."""
        self.root = self.root or event.run
        if event.type == "step.delegated":
            self._above[str(event.data.get("run"))] = f"{self.name(event)}/"

    def name(self, event: Event) -> str:
        """The name of the event's step, or of its milestone."""
        return self._above.get(event.run, "") + (event.step or str(event.data.get("milestone", "")))


_NOBODY = Family()


def _shown(name: str) -> str:
    """A name on one line: the values of a matrix may hold line breaks and what moves a terminal's cursor."""
    return one_line(name, _NAME_WIDTH)


def sentence(event: Event, family: Family = _NOBODY) -> str:
    """An event for people; "" for one that says nothing to them."""
    name = _shown(family.name(event))
    if event.type == "step.started":
        return name if event.attempt == 1 else f"{name} (attempt {event.attempt})"
    if event.type == "step.succeeded":
        return name
    if event.type.startswith("milestone."):
        return f"milestone {name} {event.type.removeprefix('milestone.')}"
    words = _WORDS[event.type](event.data) if event.type in _WORDS else ""
    if event.type == "approval.asked":
        form = event.data.get("form")
        words += f" ({answering(family.state, family.root or event.run, family.name(event), form)})"
    return f"{name}: {words}" if words and event.step else words


def _again(data: Mapping[str, Any]) -> str:
    return f"{one_line(data.get('message') or data.get('reason'))}; again in {data.get('delay', 0):.3g} s"


def _why(data: Mapping[str, Any]) -> str:
    return one_line(data.get("message") or data.get("reason"))


def _waits(data: Mapping[str, Any]) -> str:
    if data.get("reason"):
        return one_line(f"waits: {data['reason']}")
    holders = ", ".join(map(str, data.get("holders", [])))
    return one_line(f"waits for a place in the concurrency group {data.get('group')}, held by {holders}")


_DONE = {"approve": "approved", "reject": "rejected", "fail": "failed"}


def _who(data: Mapping[str, Any]) -> str:
    """Who asked or answered, and what they said to it."""
    by = f"by {data['by']}" if data.get("by") else "for nobody answered in time"
    return f"{by}: {data['comment']}" if data.get("comment") else by


_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "step.retrying": _again,
    "step.repeated": _again,
    "step.failed": _why,
    "step.skipped": _why,
    "step.cancelled": _why,
    "step.waiting": _waits,
    "run.waiting": _waits,
    "step.expanded": lambda data: one_line(data.get("note") or f"{len(data.get('legs', []))} items"),
    "step.cached": lambda data: one_line(f"the outputs are those of {data.get('leg')} of run {data.get('run')}"),
    "step.reused": lambda data: one_line(f"it {data.get('state')} in run {data.get('run')}"),
    "step.delegated": lambda data: one_line(f"run {data.get('run')} of {data.get('name')}"),
    "step.paused": _why,
    "approval.asked": lambda data: one_line(f"a person is asked: {data.get('prompt')}", 300),
    "approval.decided": lambda data: one_line(f"{_DONE.get(str(data.get('decision')))} {_who(data)}", 300),
    "request.taken": lambda data: one_line(f"{data.get('action')} asked for {_who(data)}", 300),
    "request.refused": lambda data: one_line(f"{data.get('action')} asked for {_who(data)}; no: {data.get('reason')}"),
    "sandbox.fallback": lambda data: (
        f"sandbox {data.get('sandbox')}: {data.get('from')} → {data.get('to')}: {one_line(data.get('reason'))}"
    ),
    "box.moved": lambda data: (
        f"sandbox {data.get('sandbox')}: the files of its box were carried into another: {one_line(data.get('reason'))}"
    ),
    "preview.ready": lambda data: f"port {data.get('port')} of {data.get('sandbox')}: {one_line(data.get('address'))}",
    "policy.applied": lambda data: f"policy {data.get('policy')}: {data.get('do')}: {one_line(data.get('message'))}",
}


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

    def __init__(self, state: Path = STATE) -> None:
        self._family = Family(state)
        self._rests: dict[tuple[str, Stream], str] = {}

    def start(self) -> None:
        """Nothing."""

    def event(self, event: Event) -> None:
        """Print what happened, after the output that led to it."""
        self._family.hear(event)
        if event.type.startswith("step.") and event.type not in ("step.ready", "step.started"):
            for (key, stream), rest in list(self._rests.items()):
                if key == self._family.name(event) and rest:
                    self._print(key, rest)
                    del self._rests[key, stream]
        words = sentence(event, self._family)
        if words:
            sign, colour = _SIGNS[event.type]
            show_line(f"{typer.style(sign, fg=colour)} {words}")
        if event.type == "step.failed" and event.data.get("hint"):
            show_line(f"  hint: {completed(one_line(event.data['hint'], 300), self._family.state)}")

    def text(self, key: str, stream: Stream, text: str) -> None:
        """Print the complete lines."""
        *lines, rest = (self._rests.get((key, stream), "") + text).split("\n")
        self._rests[key, stream] = rest[: 8 * _WIDTH]
        if lines:
            self._print(key, *lines)

    def stop(self) -> None:
        """Nothing."""

    def _print(self, key: str, *lines: str) -> None:
        head = typer.style(f"{_shown(key)} │", fg="bright_black")
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

    def __init__(self, title: str, state: Path = STATE) -> None:
        self._title = title
        self._family = Family(state)
        self._rows: dict[str, tuple[str, str]] = {}
        self._live: Live | None = None
        self._held: list[str] | None = None

    def start(self) -> None:
        """Begin to draw."""
        from rich.live import Live

        self._live = Live(get_renderable=self._table, refresh_per_second=8, transient=True)
        self._live.start()

    def event(self, event: Event) -> None:
        """Remember what happened to a step; milestones and fallbacks are printed above the table."""
        self._family.hear(event)
        if event.step is not None and event.type.startswith("step.") and event.type != "step.missed":
            name = self._family.name(event)
            words = sentence(event, self._family).removeprefix(_shown(name)).lstrip(": ")
            self._rows[name] = (event.type.removeprefix("step."), words)
        elif words := sentence(event, self._family):
            self._say(f"{_SIGNS[event.type][0]} {words}")

    def text(self, key: str, stream: Stream, text: str) -> None:
        """Show the last line of a step's output beside it."""
        lines = [line for line in text.splitlines() if line.strip()]
        if lines and key in self._rows:
            self._rows[key] = (self._rows[key][0], one_line(lines[-1], 80))

    def stop(self) -> None:
        """Wipe the table away."""
        if self._held is not None:
            self.go_on()
        if self._live is not None:
            self._live.stop()
            self._live = None

    def hold(self) -> None:
        """Leave the terminal to somebody else until `go_on`: nothing is drawn or printed, what happens is kept."""
        self._held = []
        if self._live is not None:
            self._live.stop()

    def go_on(self) -> None:
        """Draw again, below what was to be printed meanwhile."""
        said, self._held = self._held or [], None
        if self._live is not None:
            self.start()
        for line in said:
            self._say(line)

    def _say(self, line: str) -> None:
        """Print a line above the table."""
        if self._held is not None:
            self._held.append(line)
        elif self._live is not None:
            self._live.console.print(line, markup=False, highlight=False)

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table: Any = Table(title=self._title, title_justify="left", box=None, show_header=False, pad_edge=False)
        done = [key for key, (state, _) in self._rows.items() if state in ("succeeded", "skipped")]
        shown = [key for key in self._rows if key not in done] + done[::-1][:5]
        for key in shown[:20]:
            state, words = self._rows[key]
            sign, colour = _SIGNS.get(f"step.{state}", ("·", "bright_black"))
            table.add_row(
                Text(sign, style=colour.replace("bright_black", "dim")), Text(_shown(key)), Text(words, style="dim")
            )
        return table  # type: ignore[no-any-return]


def make_progress(title: str, state: Path = STATE, *, quiet: bool, terminal: bool) -> Progress:
    """The fitting way to show a run."""
    if quiet:
        return Silent()
    return LiveTable(title, state) if terminal else Lines(state)
