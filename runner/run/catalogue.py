"""What an event is found by: its words, its severity, the agent and the provider it is about.

Every audit log and the search in the journal itself ask here, so that the same question has the same answer wherever
it is asked. All of it follows from the event alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.compiler.canonical import Json
from runner.records import dataclass
from runner.run.audit_port import Severity
from runner.run.event import EVENT_TYPES, Event

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
#: Characters of the longest word that is looked for, and the number of words of one event: what is longer is data.
WORD, WORDS = 64, 2000
#: Characters of the sentence by whose meaning an event is found.
SENTENCE = 600

_ERRORS = frozenset({"run.failed", "step.failed"})
_WARNINGS = frozenset(
    {
        "run.cancelled",
        "run.paused",
        "sandbox.fallback",
        "box.left",
        "step.cancelled",
        "step.interrupted",
        "step.paused",
        "step.retrying",
        "milestone.missed",
        "request.refused",
    }
)
_WORD = re.compile(r"[^\W_]+")
#: What says most of an event, in this order.
_TELLING = (
    "message",
    "reason",
    "error",
    "prompt",
    "decision",
    "comment",
    "by",
    "name",
    "spec",
    "policy",
    "do",
    "sandbox",
    "provider",
    "from",
    "to",
    "output",
)


def severity(event: Event) -> Severity:
    """How bad the event is, by its type."""
    if event.type in _ERRORS:
        return "error"
    return "warning" if event.type in _WARNINGS else "info"


def at_least(lowest: Severity) -> tuple[Severity, ...]:
    """The severity itself and what is worse."""
    return SEVERITIES[SEVERITIES.index(lowest) :]


def tokens(text: str) -> list[str]:
    """The words of a text: runs of letters and digits in lower case, cut at `WORD` characters."""
    return [word[:WORD] for word in _WORD.findall(text.lower())]


def words(event: Event) -> list[str]:
    """All that an event says, as tokens: type, step, and the names and values of its data; at most `WORDS`."""
    found: list[str] = []
    for text in _texts(event):
        found += tokens(text)
        if len(found) >= WORDS:
            break
    return found[:WORDS]


def _texts(event: Event) -> Iterator[str]:
    yield event.type
    yield event.step or ""
    yield from _flat(event.data)


def _flat(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        # By name: an event that was read back has its names in this order.
        for key, item in sorted(value.items()):
            yield key
            yield from _flat(item)
    elif isinstance(value, list):
        for item in value:
            yield from _flat(item)
    elif value is not None:
        yield str(value)


def sentence(event: Event) -> str:
    """What an event means, for a model that compares meanings. Without moments and numbers of its own: many events say
    the same, and are embedded once.
    """
    told = [str(event.data[name]) for name in _TELLING if isinstance(event.data.get(name), str)]
    head = f"{event.step or 'run'}: {EVENT_TYPES.get(event.type, event.type)}"
    return ". ".join([head, *told])[:SENTENCE]


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as an audit log files it. `step` is the step's id and `leg` the leg's key; the texts are empty where the
    event is about none.
    """

    run: str
    seq: int
    ts: str
    type: str
    step: str
    leg: str
    agent: str
    provider: str
    severity: Severity
    words: str


def entry(event: Event) -> Entry:
    """The event as it is filed."""
    leg = event.step or ""
    return Entry(
        run=event.run,
        seq=event.seq,
        ts=event.ts,
        type=event.type,
        step=leg.partition("[")[0],
        leg=leg,
        agent=_name(event.data, "agent", "owner"),
        provider=_name(event.data, "provider", "to"),
        severity=severity(event),
        words=" ".join(words(event)),
    )


def _name(data: dict[str, Json], *names: str) -> str:
    return next((str(data[name]) for name in names if isinstance(data.get(name), str)), "")
