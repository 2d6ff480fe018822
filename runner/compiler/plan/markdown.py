"""A plan as Markdown, for comments of pull requests and for artifacts of a run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from runner.compiler.plan import mermaid
from runner.compiler.plan.amounts import shown as shown_usd
from runner.compiler.plan.amounts import shown_time
from runner.compiler.plan.calendar import Fire
from runner.compiler.plan.model import Plan, PlanStep
from runner.compiler.plan.text import provider, schedules_of, shown_fire, when

_MARKS = re.compile(r"[\\`*_~\[\]|]")
#: A space without width: what people would be told of, or what is linked, is only a text.
_NOBODY = "&#8203;"


def plain(text: str) -> str:
    """Text that is only text in Markdown: no markup, no HTML, nobody mentioned, nothing linked. Also for cells."""
    for sign, instead in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, instead)
    text = _MARKS.sub(r"\\\g<0>", re.sub(r"\s+", " ", text))
    return re.sub(r"([@#]|://)(?=\w)", rf"\1{_NOBODY}", text)


def sentence(text: str) -> str:
    """A sentence with names in backticks: those stay code, the rest is only text."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(part if number % 2 else plain(part) for number, part in enumerate(parts))


def code(text: str) -> str:
    """Text as code inside a line, whatever is in it."""
    ticks = "`"
    while ticks in text:
        ticks += "`"
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{' '.join(text.splitlines())}{pad}{ticks}" if text.strip() else ""


def cell(markdown: str) -> str:
    """Markdown inside a cell of a table, where a bar ends the cell even in code."""
    return re.sub(r"(?<!\\)\|", r"\\|", markdown)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table of Markdown."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(map(cell, row))} |" for row in rows)


def details(summary: str, lines: Iterable[str]) -> Iterator[str]:
    """Lines that are shown on a click."""
    yield from ("<details>", f"<summary>{summary}</summary>", "", *lines, "", "</details>")


def _steps(plan: Plan) -> Iterator[Sequence[str]]:
    closing = [step for step in (plan.on_failure, plan.finally_) if step is not None]
    for step in (*plan.steps, *closing):
        price = plan.price.steps.get(step.id)
        yield (
            code(step.id),
            plain(" ".join(part for part in (step.ref, step.title) if part)),
            step.kind + _legs(step),
            _box(plan, step),
            ", ".join(code(id_) for id_ in step.after) if step not in closing else "",
            shown_time(price.seconds) if price else "",
            shown_usd(price.usd) if price else "",
        )


def _legs(step: PlanStep) -> str:
    if step.for_each is not None:
        return " × ?"
    return f" × {'?' if step.legs is None else len(step.legs)}" if step.is_matrix else ""


def _box(plan: Plan, step: PlanStep) -> str:
    return f"{code(step.sandbox)} → {provider(plan.sandboxes[step.sandbox])}" if step.sandbox else ""


def render(plan: Plan, fires: Mapping[str, Sequence[Fire]] | None = None) -> str:
    """A heading, the price, the steps as a table, schedules, sandboxes and the graph behind clicks."""
    price = plan.price
    lines = [
        f"## {plain(plan.title or plan.name)}",
        "",
        f"{code(plan.name)}, digest {code(plan.digest[:12])}. One run takes {shown_time(price.seconds)} and costs "
        f"**{shown_usd(price.usd)}** (low – likely – high).",
        "",
        *table(("step", "title", "kind", "box", "after", "time", "price"), _steps(plan)),
    ]
    for one in schedules_of(plan):
        id_ = str(one.get("id"))
        starts = [f"- {plain(shown_fire(fire))}" for fire in (fires or {}).get(id_, ())]
        lines += ["", f"Schedule {code(id_)}: {code(when(one))}", *(["", *starts] if starts else [])]
    if price.notes:
        lines += ["", *(f"- {sentence(note)}" for note in price.notes)]
    boxes = [
        f"- {code(name)}: {'✓' if each.accepted else '✗'} {each.provider}: {sentence(each.reason)}"
        for name, sandbox in plan.sandboxes.items()
        for each in sandbox.candidates
    ]
    boxes += [
        f"- {code(name)} reaches {', '.join(map(code, sandbox.reach))}"
        for name, sandbox in plan.sandboxes.items()
        if sandbox.reach
    ]
    if boxes:
        lines += ["", *details("sandboxes", boxes)]
    lines += ["", *details("graph", ["```mermaid", *mermaid.render(plan).splitlines(), "```"])]
    return "\n".join(lines) + "\n"
