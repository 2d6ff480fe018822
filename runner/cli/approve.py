"""`runner approve` and `runner reject`: answer what a run asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

import typer

from runner.cli.asking import Asked, Subject, going_on, kept_words, open_questions, request, send, tell
from runner.cli.printed import command
from runner.cli.state import JSON, STATE, local, reading, suggestion
from runner.cli.table import one_line
from runner.compiler.canonical import Json
from runner.compiler.inputs import parse_inputs
from runner.errors import UsageError
from runner.records import dataclass
from runner.run import forms, questions
from runner.run.ports import Record, StateStore
from runner.run.requests import Inbox

_RUN = typer.Argument(..., metavar="RUN", help="A run's id, the beginning of it, or `last`.")
_STEP = typer.Argument(
    None, metavar="[STEP]", help="The step that asks, as `runner status` names it; not needed where only one does."
)


@dataclass(frozen=True, slots=True)
class _Said:
    """What the command line says."""

    decision: Literal["approve", "reject"]
    run: str
    step: str | None
    comment: str
    pairs: Sequence[str] = ()


def approve(
    run: str = _RUN,
    step: str | None = _STEP,
    inputs: list[str] = typer.Option(
        [], "--input", "-i", metavar="KEY=VALUE", help="A field of the form; may be given often."
    ),
    comment: str = typer.Option("", "--comment", "-m", help="Why; it is kept with the answer."),
    state: Path = STATE,
    as_json: bool = JSON,
) -> None:
    """Say yes to what a run asks.

    It is an approval of its spec, or whether to repeat an attempt of a step with `idempotent: false` that was cut
    off. Where no process runs the run, the answer is kept for `runner resume`.
    """
    asyncio.run(_answer(state, _Said("approve", run, step, comment, inputs), as_json))


def reject(
    run: str = _RUN,
    step: str | None = _STEP,
    comment: str = typer.Option(..., "--comment", "-m", help="Why; it is kept with the answer."),
    state: Path = STATE,
    as_json: bool = JSON,
) -> None:
    """Say no to what a run asks.

    The step that asks fails with the class `rejected`. Where no process runs the run, the answer is kept for
    `runner resume`.
    """
    asyncio.run(_answer(state, _Said("reject", run, step, comment), as_json))


async def _answer(state: Path, said: _Said, as_json: bool) -> None:
    async with reading(state) as store:
        subject = await going_on(store, state, said.run)
        record = subject.record
        if store is None:  # going_on raised already
            return
        asked = await _meant(store, state, record, said.step)
    values = _values(asked, said)
    _refuse_late(state, asked, subject)
    wish = request(said.decision, said.comment, asked, values)
    taken = await send(state, asked.run, subject, wish)
    done = "approved" if said.decision == "approve" else "rejected"
    told: dict[str, Json] = {"run": record.key, "step": asked.name, "decision": said.decision, "taken": taken}
    words = f"{asked.name} of run {record.key}: {done}"
    tell(told, words if taken else f"{words}; {kept_words(state, subject)}", as_json=as_json)


def _values(asked: Asked, said: _Said) -> dict[str, Json]:
    """The fields of the form. Raises UsageError that lists everything that is wrong with them."""
    if said.decision == "reject":
        return {}
    form = cast("forms.Form", questions.asked(asked.leg)["form"])
    values, wrong = forms.filled_in(form, parse_inputs(said.pairs, forms.schema(form)))
    if wrong:
        fields = ", ".join(form) or "none"
        raise UsageError(
            f"the form of {asked.name} is not filled in right:\n" + "\n".join(f"  - {sentence}" for sentence in wrong),
            f"give its fields as `-i name=value`; it declares: {fields}",
        )
    return values


def _refuse_late(state: Path, asked: Asked, subject: Subject) -> None:
    """Raise UsageError for an answer after the end of the time, and for a second one."""
    end = questions.until(asked.leg)
    if end is not None and time.time() > end:
        raise UsageError(
            f"the time to answer {asked.name} was over at {local(questions.asked(asked.leg)['until'])}",
            f"What the spec says then is done by: {command(state, 'resume', subject.record.key)}",
        )
    for other in Inbox(state, asked.run).waiting():
        if other.step == asked.key and other.question == questions.asked(asked.leg)["question"]:
            raise UsageError(
                f"{other.by} has answered {asked.name} already ({other.action})", kept_words(state, subject)
            )


async def _meant(store: StateStore, state: Path, record: Record, step: str | None) -> Asked:
    """The question that is to be answered. Raises UsageError."""
    found = await open_questions(store, record.key)
    named = found if step is None else [each for each in found if step in (each.name, each.leg["step"])]
    if len(named) == 1:
        return named[0]
    if named:
        lines = "\n".join(f"  {each.name}: {one_line(questions.asked(each.leg)['prompt'], 100)}" for each in named)
        raise UsageError(f"run {record.key} asks {len(named)} things:\n{lines}", "Name the one that is meant.")
    if step is None:
        raise UsageError(f"run {record.key} asks nothing now", command(state, "status", record.key))
    legs = {each.key: each.data for each in await store.all(record.key, "step")}
    if step in legs:
        raise UsageError(f"step {step} of run {record.key} asks nothing: it is {legs[step]['state']}", _open(found))
    raise UsageError(f"run {record.key} has no step {step!r}", suggestion(step, list(legs), _open(found)))


def _open(found: list[Asked]) -> str:
    return f"It asks: {', '.join(each.name for each in found)}." if found else "It asks nothing now."
