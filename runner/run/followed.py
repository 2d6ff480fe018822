"""What follows from a run's events and from nothing else: its attempts, its questions with their answers.

The journal writes these documents in the transactions of the events that they follow from; whoever reads a journal
anew, for a check or for a state of an older version, gets the same ones from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from runner.compiler.canonical import Json
from runner.run.event import Event, EventDraft

Document = dict[str, Json]
#: A document as it is by now, by table and key; None where there is none.
Find = Callable[[str, str], Document | None]

#: How an attempt has ended after each event that ends one. One that is over stays as it is: what is said of its leg
#: afterwards (that it was stopped while it waited for the next attempt) is not about it.
_ENDS = {
    "step.succeeded": "succeeded",
    "step.repeated": "succeeded",
    "step.retrying": "failed",
    "step.failed": "failed",
    "step.cancelled": "cancelled",
    "step.paused": "paused",
    "step.interrupted": "interrupted",
}
#: What events tell of attempts, under the same names.
_TOLD = ("provider", "box", "child", "exit_code", "log")


def attempt_key(leg: str, number: int) -> str:
    """The key of an attempt's document."""
    return f"{leg}#{number}"


def followed(fact: Event | EventDraft, find: Find) -> Iterator[tuple[str, str, Document]]:
    """The fields that an event sets in other documents than its own: (table, key, fields)."""
    leg = fact.step
    if leg is None:
        return
    if fact.type == "approval.asked":
        about: Document = {**fact.data, "step": leg, "attempt": fact.attempt, "asked_at": fact.ts, "decision": None}
        yield "approval", f"{leg}/{fact.data.get('question')}", about
    elif fact.type == "approval.decided":
        answer: Document = {name: value for name, value in fact.data.items() if name != "question"}
        yield "approval", f"{leg}/{fact.data.get('question')}", {"decision": answer}
    elif fact.type == "step.started":
        number = cast("int", fact.attempt)
        begun: Document = {"step": leg, "number": number, "state": "running", "began_at": fact.ts, "ended_at": None}
        yield "attempt", attempt_key(leg, number), {**begun, "consumed": fact.data.get("consumed", [])}
    elif fact.type in _ENDS or fact.type == "step.cached":
        key = attempt_key(leg, _number(fact, leg, find))
        attempt = find("attempt", key)
        if attempt is not None and attempt["ended_at"] is None:
            yield "attempt", key, _ended(fact)


def _number(fact: Event | EventDraft, leg: str, find: Find) -> int:
    """Which attempt an event is about: where it does not say, the last one."""
    if fact.attempt is not None:
        return fact.attempt
    return cast("int", (find("step", leg) or {}).get("attempt") or 0)


def _ended(fact: Event | EventDraft) -> Document:
    data = fact.data
    if fact.type == "step.cached":
        return {"cached": {"run": data.get("run"), "leg": data.get("leg")}}
    found: Document = {"state": _ENDS[fact.type], "message": data.get("message", data.get("reason", ""))}
    found |= {name: data[name] for name in _TOLD if name in data}
    if "class" in data:
        found["error_class"] = data["class"]
    # Nobody saw the end of one that was interrupted: this is the moment when it was found out.
    return {**found, "ended_at": fact.ts}


def under_way(fields: Document, leg: Document) -> Document:
    """What new fields of a leg's document, which was `leg` before them, say of its attempt under way: where it runs,
    and what it has cost by now, in US dollars.
    """
    found: Document = {name: fields[name] for name in ("provider", "box", "child") if name in fields}
    if isinstance(total := fields.get("usd"), float):
        before = leg.get("usd")
        found["usd"] = round(total - (before if isinstance(before, float) else 0.0), 6)
    return found
