"""What a run asks people, as its legs' documents keep it: approvals, and whether to repeat what was cut off.

A question is the field `approval` of a leg's document, and its answer is part of it: both outlive the process. Until it
is answered the leg is `paused`, and holds no place among the running.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal, cast

from runner.compiler.canonical import Json
from runner.errors import NotAnswered, NotApproved, RunnerError
from runner.records import dataclass
from runner.run.clock import iso, moment
from runner.run.forms import Form, filled_in
from runner.run.journal import Journal

Document = Mapping[str, Json]
OnTimeout = Literal["approve", "reject", "fail"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: `about` an approval of the spec, or whether to repeat an attempt. `owner` is who should answer;
    `seconds` is how long an answer is waited for, None for ever; `on_timeout` is what none means.
    """

    about: Literal["approve", "repeat"]
    prompt: str
    form: Form = field(default_factory=dict)
    owner: str | None = None
    seconds: float | None = None
    on_timeout: OnTimeout = "reject"


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision. `by` is a person, None for the end of the time; `at` is when it was made, in Unix seconds; `request`
    is the id of the request that brought it.
    """

    decision: OnTimeout
    by: str | None
    at: float
    comment: str = ""
    values: Mapping[str, Json] = field(default_factory=dict)
    request: str | None = None


def ask(journal: Journal, key: str, question: Question, attempt: int) -> None:
    """Ask people about a leg that is ready. A leg has at most one open question, and one about each attempt."""
    form: Json = {name: dict(one) for name, one in question.form.items()}
    asked = journal.now()
    until = None if question.seconds is None else iso(moment(asked) + question.seconds)
    told: dict[str, Json] = {"question": f"{question.about}-{attempt}", "about": question.about}
    told |= {"prompt": question.prompt, "form": form, "owner": question.owner}
    told |= {"until": until, "on_timeout": question.on_timeout if until else None}
    fact = journal.fact("approval.asked", told, key, attempt)
    kept: Json = {**fact.data, "asked_at": asked, "decision": None}
    journal.move_step(key, "paused", fact, attempt=attempt, started_at=asked, approval=kept)


def decide(journal: Journal, key: str, answer: Answer) -> None:
    """Write the answer to a leg's open question down; secrets in it are masked, also for the steps after it."""
    leg = journal.document("step", key)
    about = asked(leg)
    values: Json = dict(answer.values)
    told: dict[str, Json] = {"decision": answer.decision, "by": answer.by, "at": iso(answer.at)}
    told |= {"comment": answer.comment, "values": values, "request": answer.request}
    fact = journal.fact("approval.decided", {"question": about["question"], **told}, key, cast("int", leg["attempt"]))
    kept: Json = {name: fact.data[name] for name in told}
    journal.put("step", key, {"approval": {**about, "decision": kept}}, fact)


# ---------------------------------------------------------------- reading


def asked(leg: Document) -> dict[str, Json]:
    """The last question about a leg, answered or not; empty where there is none."""
    return cast("dict[str, Json]", leg.get("approval") or {})


def is_asked(leg: Document) -> bool:
    """Whether the leg waits for a decision, or has one that it has not acted on."""
    return leg.get("state") == "paused" and bool(asked(leg))


def is_open(leg: Document) -> bool:
    """Whether the leg waits for somebody's decision."""
    return is_asked(leg) and asked(leg)["decision"] is None


def until(leg: Document) -> float | None:
    """When the time for an answer is over, in Unix seconds; None for never."""
    end = asked(leg)["until"]
    return None if end is None else moment(str(end))


def decision(leg: Document) -> dict[str, Json] | None:
    """The answer to the last question about a leg."""
    return cast("dict[str, Json] | None", asked(leg).get("decision"))


def unfit(leg: Document, action: str, question: str, at: float) -> str:
    """Why an answer that was given at that time is none to the question about a leg; "" where it is one."""
    if not is_open(leg):
        return "it waits for no decision" if decision(leg) is None else "it has been decided already"
    if question != asked(leg)["question"]:
        return f"the answer is to another question ({question})"
    end = until(leg)
    if end is not None and at > end:
        return f"{action} came too late: its time was over at {iso(end)}"
    return ""


def values_of(leg: Document, given: Mapping[str, Json]) -> tuple[dict[str, Json], list[str]]:
    """The values of the question's form with these filled in, and what is wrong with them, as `forms.filled_in`."""
    return filled_in(cast("Form", asked(leg)["form"]), given)


def refusal(leg: Document) -> RunnerError | None:
    """The error that the answer means for the leg; None where it was approved."""
    told = decision(leg) or {}
    if told["decision"] == "approve":
        return None
    comment = f": {told['comment']}" if told["comment"] else ""
    if told["decision"] == "fail":
        return NotAnswered(f"nobody answered in time{comment}")
    if told["by"] is None:
        return NotApproved(f"rejected, for nobody answered in time{comment}")
    return NotApproved(f"rejected by {told['by']}{comment}")
