"""What a run asks people, asked at the terminal in front of which it runs.

An answer takes the way of every other: a request in the state folder, as `runner approve` leaves it. So it is held
against the form, written into the journal and attributed in one place, and whoever answers first has answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from runner.cli.asking import Asked
from runner.cli.printed import answering
from runner.cli.progress import Family, LiveTable, show_line
from runner.cli.state import local
from runner.cli.table import one_line
from runner.cli.terminal import Terminal
from runner.compiler.canonical import Json
from runner.compiler.inputs import parse_inputs
from runner.compiler.suggest import listed
from runner.compiler.values import declared_types, shown
from runner.errors import StoreError, UsageError
from runner.records import dataclass
from runner.run import forms, questions
from runner.run.requests import Action, Inbox, Request, new_id, user

if TYPE_CHECKING:
    from runner.run.event import Event
    from runner.run.ports import Stream

#: After one of these a leg asks nothing more.
_ENDS = frozenset({"step.succeeded", "step.failed", "step.cancelled", "step.skipped"})
_YES, _NO, _LATER = ("y", "yes"), ("n", "no"), ("l", "later")


@dataclass(frozen=True, slots=True)
class Question:
    """What a leg of a run asks: `name` is what people call the leg, `told` is the question as documents hold it, and
    `over` is set when somebody has decided, wherever that was.
    """

    run: str
    leg: str
    name: str
    told: Mapping[str, Json]
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def form(self) -> forms.Form:
        """The fields that belong to a yes."""
        return cast("forms.Form", self.told.get("form") or {})


class AskingTable:
    """The live table of a run, which makes room for the run's questions, one after the other. `terminal` is where they
    are answered.
    """

    def __init__(self, table: LiveTable, terminal: Terminal, state: Path) -> None:
        self._table = table
        self._terminal = terminal
        self._state = state
        self._family = Family(state)
        self._open: dict[tuple[str, str], Question] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def asking(self) -> bool:
        """Whether somebody is being asked at this moment."""
        return self._terminal.waiting

    def still_open(self, found: Iterable[Asked]) -> None:
        """Ask what a process before this one asked, unless it is answered already or its time is over."""
        for each in found:
            end = questions.until(each.leg)
            answered = any(request.step == each.key for request in Inbox(self._state, each.run).waiting())
            if not answered and (end is None or end > time.time()):
                self._ask(Question(each.run, each.key, each.name, questions.asked(each.leg)))

    def start(self) -> None:
        """Begin to draw, and to ask."""
        self._table.start()
        self._task = asyncio.ensure_future(self._asked())

    def event(self, event: Event) -> None:
        """Show an event; ask what it asks, and ask no more what it decides."""
        self._table.event(event)
        self._family.hear(event)
        if event.step is None:
            return
        if event.type == "approval.asked":
            self._ask(Question(event.run, event.step, self._family.name(event), event.data))
        elif event.type in _ENDS or event.type in ("approval.decided", "request.refused"):
            question = self._open.get((event.run, event.step))
            if question is not None:
                question.over.set()

    def text(self, key: str, stream: Stream, text: str) -> None:
        """Show the last line of a step's output beside it."""
        self._table.text(key, stream, text)

    def stop(self) -> None:
        """Ask no more, and wipe the table away."""
        if self._task is not None:
            self._task.cancel()
        self._terminal.give_up()
        self._table.stop()

    # ------------------------------------------------------------ asking

    def _ask(self, question: Question) -> None:
        self._open[question.run, question.leg] = question
        self._news.set()

    async def _asked(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._open:
                key, question = next(iter(self._open.items()))
                if not question.over.is_set() and self._terminal.in_front():
                    await self._put(question)
                if self._open.get(key) is question:
                    del self._open[key]

    async def _put(self, question: Question) -> None:
        """Put a question, until it is answered, here or elsewhere, or left for later."""
        self._table.hold()
        talk, over = asyncio.ensure_future(self._talk(question)), asyncio.ensure_future(question.over.wait())
        try:
            await asyncio.wait({talk, over}, return_when=asyncio.FIRST_COMPLETED)
            if talk.done() and talk.result():
                await over  # the run has taken the answer, or says why not
        finally:
            for each in (talk, over):
                each.cancel()
            self._terminal.give_up()
            self._table.go_on()

    async def _talk(self, question: Question) -> bool:
        """Whether the person has answered."""
        self._terminal.forget()
        show_line(f"? {_sentence(question)}")
        wish = await self._decision(question)
        if wish is None:
            run = self._family.root or question.run
            show_line(f"  left open; it is answered by: {answering(self._state, run, question.name, question.form)}")
            return False
        try:
            await asyncio.to_thread(Inbox(self._state, question.run).write, wish)
        except StoreError as error:
            show_line(f"  not answered: {error.message}")
            return False
        return True

    async def _decision(self, question: Question) -> Request | None:
        """The answer that the person gives; None when they leave the question open."""
        verb = "repeat it" if question.told.get("about") == "repeat" else "approve"
        while (said := await self._terminal.line(f"  {verb}? [y/n/later] ")) is not None:
            word = said.strip().lower()
            if word in _LATER:
                break
            if word in _YES:
                values = await self._fields(question)
                return None if values is None else _request("approve", question, values=values)
            if word in _NO:
                comment = await self._why()
                return _request("reject", question, comment) if comment else None
        return None

    async def _why(self) -> str:
        """The reason of a no; "" when the person would not give one."""
        while (said := await self._terminal.line("  why not? ")) is not None:
            if said.strip():
                return said.strip()
        return ""

    async def _fields(self, question: Question) -> dict[str, Json] | None:
        """What the person fills in, field by field; None when they stop in the middle."""
        values: dict[str, Json] = {}
        for name, schema in question.form.items():
            while name not in values:
                said = await self._terminal.line(f"  {_label(name, schema)}: ")
                if said is None:
                    return None
                found, wrong = _read(name, schema, said)
                for sentence in wrong:
                    show_line(f"    {one_line(sentence, 300)}")
                values |= found
        return values


def _request(action: Action, question: Question, comment: str = "", values: dict[str, Json] | None = None) -> Request:
    asked = str(question.told["question"])
    return Request(new_id(), action, user(), time.time(), question.leg, asked, comment, values or {})


def _sentence(question: Question) -> str:
    told = question.told
    owner = f" (of {told['owner']})" if told.get("owner") else ""
    until = f" until {local(told['until'])}, then: {told['on_timeout']}" if told.get("until") else ""
    return f"{one_line(question.name, 100)} asks{owner}{until}: {one_line(told.get('prompt'), 300)}"


def _label(name: str, schema: Mapping[str, Json]) -> str:
    """A field with what may be written into it."""
    title = schema.get("title") or schema.get("description")
    choices = schema.get("enum")
    kind = listed(declared_types(schema)).replace("`", "") or "any value"
    if isinstance(choices, list):
        kind = f"one of {', '.join(map(_plain, choices))}"
    bounds = [f"{word} {schema[key]}" for key, word in _BOUNDS.items() if key in schema]
    default = f" [{_plain(schema['default'])}]" if "default" in schema else ""
    about = f", {one_line(title)}" if isinstance(title, str) else ""
    return f"{name}{about} ({', '.join([kind, *bounds])}){default}"


def _plain(value: Json) -> str:
    """A value as it may be typed."""
    return one_line(value) if isinstance(value, str) else shown(value)


_BOUNDS = {"minimum": "from", "maximum": "to", "minLength": "at least", "maxLength": "at most", "pattern": "like"}


def _read(name: str, schema: Mapping[str, Json], said: str) -> tuple[dict[str, Json], list[str]]:
    """The field's value by its name, or what is wrong with what was typed. Nothing typed is the default."""
    form = {name: schema}
    try:
        given = parse_inputs([f"{name}={said}"], forms.schema(form)) if said.strip() else {}
    except UsageError as error:
        return {}, error.message.splitlines()[1:] or [error.message]
    values, wrong = forms.filled_in(form, given)
    return ({}, wrong) if wrong else (values, [])
